"""Speech synthesis with VITS and MMS-TTS for spiritkit."""
