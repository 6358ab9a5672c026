"""telegram-gateway: forms, the token as Bearer. A field of the answer that it does not know is a TypeError."""

from telegram_gateway import TelegramGateway, constants

from surroundings import dialect
from telegram_walk import walk


class Library:
    def __init__(self, access_token):
        self.client = TelegramGateway(access_token)

    def check_ability(self, number):
        return self.client.checkSendAbility(number)

    def send(self, number, **options):
        return self.client.sendVerificationMessage(number, **options)

    def status(self, request_id, code=""):
        """Without a code: the library turns its own default, `None`, into text, and refuses that."""
        return self.client.checkVerificationStatus(request_id, code)

    def revoke(self, request_id):
        """It returns nothing, and raises an error unless the result is true."""
        self.client.revokeVerificationMessage(request_id)
        return True

    def refusal(self, call):
        try:
            return f"accepted: {call()}"
        except RuntimeError as error:
            return str(error)


# The addresses are constants, whole ones.
telegram = dialect("telegram")
constants.SEND_VERIFICATION_MESSAGE_URL = f"{telegram['base_url']}/sendVerificationMessage"
constants.CHECK_SEND_ABILITY_URL = f"{telegram['base_url']}/checkSendAbility"
constants.CHECK_VERIFICATION_STATUS_URL = f"{telegram['base_url']}/checkVerificationStatus"
constants.REVOKE_VERIFICATION_STATUS_URL = f"{telegram['base_url']}/revokeVerificationMessage"
walk(
    Library(telegram["access_token"]),
    Library("pin_wrong"),
    looked_at_by_the_library={"CODE_LENGTH_INVALID", "CODE_INVALID", "TTL_INVALID", "PAYLOAD_INVALID"},
)
