"""Who we are to a service. Credentials come from the environment or `.env` alone."""

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Credentials(BaseSettings):
    """Who we are to a service; values print as stars and never leave `secret()`'s callers."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    discogs_token: SecretStr = SecretStr("")
    discogs_key: SecretStr = SecretStr("")
    discogs_secret: SecretStr = SecretStr("")

    @field_validator("discogs_token", "discogs_key", "discogs_secret")
    @classmethod
    def _fits_a_header(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if not (text.isascii() and text.isprintable()):
            msg = "expected plain ASCII letters, digits and signs on one line"
            raise ValueError(msg)
        return SecretStr(text)

    def secrets(self) -> tuple[str, ...]:
        """Return all that must be shown nowhere."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(text for value in values if (text := value.get_secret_value()))

    def discogs_authorization(self) -> str:
        """Return the value of the `Authorization` header for Discogs; "" where nothing is set.

        https://www.discogs.com/developers/#page:authentication
        """
        token = self.discogs_token.get_secret_value()
        key, secret = self.discogs_key.get_secret_value(), self.discogs_secret.get_secret_value()
        if token:
            return f"Discogs token={token}"
        return f"Discogs key={key}, secret={secret}" if key and secret else ""
