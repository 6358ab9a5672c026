"""PyTGGateway: JSON with explicit nulls, the token in the body, no `Authorization`."""

import httpx
from TGGateway import ApiError, TGGateway

from surroundings import dialect
from telegram_walk import walk


class Elsewhere(httpx.HTTPTransport):
    """The library's address is fixed. The `Host` stays Telegram's, as it does where DNS is overridden."""

    def __init__(self, base_url):
        super().__init__()
        self.base_url = base_url

    def handle_request(self, request):
        request.url = httpx.URL(self.base_url + request.url.path)
        return super().handle_request(request)


class Library:
    def __init__(self, base_url, access_token):
        self.client = TGGateway(access_token)
        self.client.session = httpx.Client(transport=Elsewhere(base_url))

    def check_ability(self, number):
        return self.client.checkSendAbility(number)

    def send(self, number, **options):
        return self.client.sendVerificationMessage(number, **options)

    def status(self, request_id, code=None):
        return self.client.checkVerificationStatus(request_id, code)

    def revoke(self, request_id):
        return self.client.revokeVerificationMessage(request_id)

    def refusal(self, call):
        """Above HTTP 399 the library raises another exception, without Telegram's word."""
        try:
            return f"accepted: {call()}"
        except ApiError as error:
            return str(error)


telegram = dialect("telegram")
walk(Library(telegram["base_url"], telegram["access_token"]), Library(telegram["base_url"], "pin_wrong"))
