"""Passes requests on to SignPath and keeps the bodies of the answers.

Arguments: the API URL, the folder for the answers. Prints its own URL. The API token is passed on and not kept.
"""

import http.client
import http.server
import pathlib
import ssl
import sys
import urllib.parse

api = urllib.parse.urlsplit(sys.argv[1].rstrip("/"))
folder = pathlib.Path(sys.argv[2])
# Hop-by-hop headers (RFC 9110, section 7.6.1), and those that are set anew.
OWN_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "accept-encoding"}


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
        if api.scheme == "https":
            trusted = ssl.create_default_context(cafile=sys.argv[3] if len(sys.argv) > 3 else None)
            connection = http.client.HTTPSConnection(api.hostname, api.port, timeout=60, context=trusted)
        else:
            connection = http.client.HTTPConnection(api.hostname, api.port, timeout=60)
        connection.request(self.command, api.path + self.path, body or None, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()

        Recorder.count += 1
        route = self.path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
        (folder / f"{Recorder.count:03} {self.command} {route} {response.status}").write_bytes(answer)
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = pass_on

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Recorder)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
