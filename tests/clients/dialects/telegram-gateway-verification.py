"""telegram-gateway-verification: JSON, the token as Bearer."""

from telegram_gateway_verification import TelegramGatewayAPIError, TelegramGatewayClient

from surroundings import dialect
from telegram_walk import walk


class Library:
    def __init__(self, base_url, access_token):
        self.client = TelegramGatewayClient(access_token, base_url=base_url)

    def check_ability(self, number):
        return self.client.check_send_ability(phone_number=number)

    def send(self, number, **options):
        return self.client.send_verification_message(phone_number=number, **options)

    def status(self, request_id, code=None):
        return self.client.check_verification_status(request_id=request_id, code=code)

    def revoke(self, request_id):
        return self.client.revoke_verification_message(request_id=request_id)

    def refusal(self, call):
        try:
            return f"accepted: {call()}"
        except TelegramGatewayAPIError as error:
            assert error.status_code == 200, error
            return error.error


telegram = dialect("telegram")
walk(
    Library(telegram["base_url"], telegram["access_token"]),
    Library(telegram["base_url"], "pin_wrong"),
    looked_at_by_the_library={"CODE_LENGTH_INVALID", "CODE_INVALID", "TTL_INVALID"},
)
