"""tg-gateway: asynchronous, JSON, the token as Bearer."""

import asyncio

from stollen.exceptions import DetailedStollenAPIError
from tg_gateway import TelegramGateway

from surroundings import dialect
from telegram_walk import walk


class Library:
    def __init__(self, runner, base_url, access_token):
        self.runner = runner
        self.client = TelegramGateway(access_token, api_url=base_url)

    def check_ability(self, number):
        return self.runner.run(self.client.check_send_ability(phone_number=number))

    def send(self, number, **options):
        return self.runner.run(self.client.send_verification_message(phone_number=number, **options))

    def status(self, request_id, code=None):
        return self.runner.run(self.client.check_verification_status(request_id=request_id, code=code))

    def revoke(self, request_id):
        return self.runner.run(self.client.revoke_verification_message(request_id=request_id))

    def refusal(self, call):
        """At HTTP 200 the library finds no `result`, and says that it cannot parse the answer, with the answer."""
        try:
            return f"accepted: {call()}"
        except DetailedStollenAPIError as error:
            assert error.response.status_code == 200, error
            return error.response.body["error"]

    def close(self):
        self.runner.run(self.client.session.close())


telegram = dialect("telegram")
with asyncio.Runner() as runner:
    library = Library(runner, telegram["base_url"], telegram["access_token"])
    stranger = Library(runner, telegram["base_url"], "pin_wrong")
    try:
        walk(library, stranger)
    finally:
        library.close()
        stranger.close()
