"""Text tasks of lm-evaluation-harness, and its model interface, for speech-text models."""
