"""A timestamp authority over HTTP: `openssl ts` answers each query. Argument: its folder, which gets a file with the URL."""

import http.server
import os
import subprocess
import sys

folder = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = os.path.join(folder, "query")
        with open(query, "wb") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        reply = subprocess.run(
            ["openssl", "ts", "-reply", "-config", os.path.join(folder, "openssl.cnf"), "-queryfile", query],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        self.send_response(200)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
unfinished = os.path.join(folder, "url.new")
with open(unfinished, "w") as file:
    file.write(f"http://127.0.0.1:{server.server_port}")
os.rename(unfinished, os.path.join(folder, "url"))
server.serve_forever()
