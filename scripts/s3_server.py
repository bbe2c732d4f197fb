"""An S3 server on a free port of this machine, with the bucket `clarion-test`; ends when it is killed."""

import urllib.request

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
# Any signature will do, but without one the server takes the request for one of another service.
request = urllib.request.Request(f"{url}/clarion-test", method="PUT")
request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
urllib.request.urlopen(request)
print(f"listening {url}", flush=True)
server._thread.join()
