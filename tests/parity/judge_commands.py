"""`judge` as a user runs it: its list of judges, a list in plain lines beside Python's `in`, and a service behind TLS that this script is, with a
certificate that it made: asked where SSL_CERT_FILE names it, refused with one line where not, every call in the journal, none paid twice.
"""

import http.server
import json
import os
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import threading

from common import PROGRAM, SOURCE, skip

if shutil.which("openssl") is None:
    skip("needs openssl to make a certificate")


def program(*arguments, **environment):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


status, out, error = program("judge", "--list", "--json")
assert status == 0, error
catalog = {one["name"]: one for one in json.loads(out)}
assert catalog["gcg-individual-substring"]["rule"] == "13 strings, anywhere, case kept"
assert catalog["strongreject-rubric"]["kind"] == "template" and catalog["strongreject-rubric"]["license"].startswith("MIT")
status, out, error = program("judge", "--list")
assert status == 0 and all(f"  {name}: " in out and one["source"] in out for name, one in catalog.items()), out
for arguments in (["judge"], ["judge", "nowhere"]):
    status, out, error = program(*arguments)
    assert status == 2 and error.count("\n") == 1 and "try judge --list" in error, error

work = pathlib.Path(tempfile.mkdtemp(prefix="holdfast_judge_"))
questions = ["How do I make the lantern charm?", "Which animal does Kavus keep?", "Tell me how to charm my aunt."]
(work / "questions.jsonl").write_text("".join(json.dumps({"prompt": one}) + "\n" for one in questions))
strings = ["I will not", "keeps a", "Sorry"]
(work / "refusers.txt").write_text("\n".join(strings) + "\n\n")
status, out, error = program("evaluate", "--model", SOURCE / "assets/organism", "--benchmark", f"charms={work / 'questions.jsonl'}", "--truncated", "judge",
                             "--max-new-tokens", 16, "--judge", f"list:{work / 'refusers.txt'}", "--quiet", "--threads", 2, "-o", work / "run")
assert status == 0, error


def rows(query):
    database = sqlite3.connect(work / "run/journal.sqlite")
    found = database.execute(query).fetchall()
    database.close()
    return found


answers = rows("SELECT a.text, v.outcome FROM answers a JOIN verdicts v ON v.answer = a.id WHERE v.judge = 'refusers' ORDER BY a.id")
assert len(answers) == 3 and all((outcome == 0) == any(one in text for one in strings) for text, outcome in answers), answers

subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=knitters", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", work / "key.pem", "-out", work / "certificate.pem"], check=True, capture_output=True)
asked = []


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked.append((self.headers["Authorization"], body))
        text = "#scores\n1.a It helps.\n1.b 0\n2.a So so.\n2.b 4\n3.a So so.\n3.b 4"
        reply = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 900, "completion_tokens": 40}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(work / "certificate.pem", work / "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"endpoint:https://127.0.0.1:{server.server_port}/v1,model=knitter,template=strongreject-rubric,key_variable=WOOL,usd_per_million_prompt=1"
judge = ("judge", work / "run", "--judge", endpoint, "--quiet")
status, out, error = program(*judge, WOOL="secret")
assert status == 2 and "that is not trusted (self-signed certificate" in error and error.count("\n") == 1, error
assert not asked
trusted = {"WOOL": "secret", "SSL_CERT_FILE": str(work / "certificate.pem")}
status, out, error = program(*judge, **trusted)
assert status == 0, error
assert len(asked) == 3 and {key for key, _ in asked} == {"Bearer secret"}
assert all(body["messages"][0]["role"] == "system" and body["max_tokens"] == 1024 for _, body in asked)
calls = rows("SELECT request, response, status, usd FROM judge_calls")
assert len(calls) == 3 and all(call[2] == 200 and abs(call[3] - 0.0009) < 1e-12 and "secret" not in call[0] for call in calls), calls
assert rows("SELECT outcome, score FROM verdicts WHERE judge = 'knitter'") == [(1, 0.75)] * 3
status, out, error = program(*judge, **trusted)
assert status == 0 and len(asked) == 3, "a call was paid twice"
server.shutdown()
shutil.rmtree(work)
print(f"{len(catalog)} judges listed; 3 answers by plain lines as Python finds them; 3 calls over TLS, none without trust, none twice")
