"""Why nothing was heard of a commune for a while: gaps, labelled after the fact from both sides.

``model`` what a gap is · ``tracks`` series as spans · ``find`` where the gaps are · ``life`` when the agent
ran · ``causes`` what kept a living agent from delivering · ``label`` puts it together (all pure) ·
``read`` and ``witnesses`` ask Prometheus · ``text`` shows it.
"""
