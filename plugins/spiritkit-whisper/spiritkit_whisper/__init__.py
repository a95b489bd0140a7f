"""Speech recognition with Whisper for spiritkit."""
