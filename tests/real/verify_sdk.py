"""Makes a start and a check as a provider's own library makes them: PROVIDER BASE NUMBER METHOD CODE."""

import sys
from urllib.parse import urlsplit

provider, base, number, method, code = sys.argv[1:]

if provider == "telnyx":
    from telnyx import Telnyx

    client = Telnyx(api_key="KEY0123", base_url=f"{base}/v2", max_retries=0)
    trigger = {"sms": client.verifications.trigger_sms, "call": client.verifications.trigger_call,
               "flashcall": client.verifications.trigger_flashcall}[method]
    trigger(phone_number=number, verify_profile_id="49000192-1bdb")
    verified = client.verifications.by_phone_number.actions.verify(number, code=code, verify_profile_id="49000192-1bdb")
    assert verified.data.response_code == "accepted"
else:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Elsewhere(TwilioHttpClient):
        """The same requests, to the stand-in."""

        def request(self, method, url, *arguments, **named):
            return super().request(method, base + urlsplit(url).path, *arguments, **named)

    service = Client("AC0123", "tok:en", http_client=Elsewhere()).verify.v2.services("VA4567")
    service.verifications.create(to=number, channel=method)
    assert service.verification_checks.create(to=number, code=code).status == "approved"
