"""What holds for all tests: no timing decides one."""

from hypothesis import settings

settings.register_profile("thongsuot", deadline=None)
settings.load_profile("thongsuot")
