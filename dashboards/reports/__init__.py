"""Monthly reports. Answers: how long was each line and each system available, and how sure is that?"""
