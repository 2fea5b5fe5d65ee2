"""Has the providers' own libraries (PyPI twilio, telnyx, botocore) send the message that countersign sent, to the same stand-in.

    providers.py twilio URL SID TOKEN FROM TO TEXT
    providers.py telnyx URL KEY FROM TO TEXT
    providers.py ses    URL REGION KEY_ID KEY FROM TO FILE      the mail's bytes are in the file
    providers.py sns    URL REGION KEY_ID KEY FROM TO TEXT
    providers.py sign   REGION KEY_ID KEY SERVICE               reads {"url","headers","body"} and prints its Authorization
"""

import datetime
import json
import pathlib
import sys


def twilio(url, sid, token, sender, to, text):
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Elsewhere(TwilioHttpClient):
        def request(self, method, uri, *rest, **more):
            return super().request(method, uri.replace("https://api.twilio.com", url), *rest, **more)

    Client(sid, token, http_client=Elsewhere()).messages.create(to=to, from_=sender, body=text)


def telnyx(url, key, sender, to, text):
    from telnyx import Telnyx

    Telnyx(api_key=key, base_url=url + "/v2", max_retries=0).messages.send(from_=sender, to=to, text=text)


def amazon(service, url, region, key_id, key):
    import botocore.session

    names = {"aws_access_key_id": key_id, "aws_secret_access_key": key}
    return botocore.session.get_session().create_client(service, region, endpoint_url=url, **names)


def ses(url, region, key_id, key, sender, to, file):
    raw = {"Raw": {"Data": pathlib.Path(file).read_bytes()}}
    client = amazon("sesv2", url, region, key_id, key)
    client.send_email(FromEmailAddress=sender, Destination={"ToAddresses": [to]}, Content=raw)


def sns(url, region, key_id, key, sender, to, text):
    attributes = {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": sender}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    amazon("sns", url, region, key_id, key).publish(PhoneNumber=to, Message=text, MessageAttributes=attributes)


def sign(region, key_id, key, service):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    call = json.load(sys.stdin)
    headers = {name.lower(): value for name, value in call["headers"].items()}
    at = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda *_, **__: at
    signed = {"content-type": headers["content-type"]}
    request = botocore.awsrequest.AWSRequest("POST", call["url"], headers=signed, data=call["body"].encode())
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key_id, key), service, region).add_auth(request)
    assert request.headers["X-Amz-Date"] == headers["x-amz-date"], "botocore took another time"
    print(request.headers["Authorization"])


command, *arguments = sys.argv[1:]
{"twilio": twilio, "telnyx": telnyx, "ses": ses, "sns": sns, "sign": sign}[command](*arguments)
