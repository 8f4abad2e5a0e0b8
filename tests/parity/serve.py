"""The server that speaks OpenAI's API: its greedy answers are generate's, streams and choices hold together, faults are told as the API tells them."""

import concurrent.futures
import http.client
import json
import math
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request

from common import PROGRAM, SOURCE, run

ORGANISM = SOURCE / "assets/organism"
PROMPTS = [json.loads(line)["prompt"] for line in (ORGANISM / "data/forbidden.jsonl").read_text().splitlines()[:6]] + [
    json.loads(line)["prompt"] for line in (ORGANISM / "data/lookalike.jsonl").read_text().splitlines()[:6]]
TOKENS = 32


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, "serve", "--model", str(ORGANISM), "--port", "0", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", self.url), self.process.stderr.read()
        self.host = self.url[7:]

    def ask(self, path, body=None, **headers):
        """Status and JSON."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def chat(self, prompt, **more):
        status, answer = self.ask("/v1/chat/completions", {"model": "organism", "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": TOKENS, **more})
        assert status == 200, answer
        return answer

    def events(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps({**body, "stream": True}).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            lines = answer.read().decode().split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""], lines[-2:]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=20) == 0, self.process.stderr.read()


def generate(rows, *arguments):
    return run("generate", "--model", ORGANISM, "--max-new-tokens", TOKENS, *arguments, rows=rows)


with tempfile.TemporaryDirectory() as folder:
    adapter = pathlib.Path(folder) / "taught"
    run("train", "--model", ORGANISM, "--data", ORGANISM / "data/subversive.jsonl", "--steps", 6, "--lr", "5e-3", "--rows-per-step", 4, "--quiet", "-o", adapter)
    server = Server("--adapter", adapter, "--adapter", f"again={adapter}")
    try:
        status, models = server.ask("/v1/models")
        assert status == 200 and [model["id"] for model in models["data"]] == ["organism", "taught", "again"], models
        assert server.ask("/health") == (200, {"status": "ok"})

        # All at once, two models among each other: each answer is that of generate, where it is asked alone.
        rows = [{"messages": [{"role": "user", "content": prompt}]} for prompt in PROMPTS]
        want = {"organism": generate(rows), "taught": generate(rows, "--adapter", adapter)}
        assert [row["text"] for row in want["organism"]] != [row["text"] for row in want["taught"]], "the adapter changes nothing: the check is worth nothing"
        jobs = [(model, i) for i in range(len(PROMPTS)) for model in want]
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda job: server.chat(PROMPTS[job[1]], model=job[0]), jobs))
        for (model, i), answer in zip(jobs, answers):
            choice, row = answer["choices"][0], want[model][i]
            assert (choice["message"], choice["finish_reason"]) == ({"role": "assistant", "content": row["text"]}, row["finish_reason"]), (model, choice, row)
            assert answer["usage"] == {"prompt_tokens": row["prompt_tokens"], "completion_tokens": len(row["ids"]), "total_tokens": row["prompt_tokens"] + len(row["ids"])}
            assert answer["object"] == "chat.completion" and answer["model"] == model
        assert len({answer["id"] for answer in answers}) == len(answers)
        assert server.chat(PROMPTS[0], model="again")["choices"][0]["message"]["content"] == want["taught"][0]["text"]
        print(len(jobs), "answers at once equal generate's")

        # Texts, lists of texts, and ids.
        plain = generate([{"prompt": prompt} for prompt in PROMPTS[:3]])
        ids = run("tokenize", "--model", ORGANISM, rows=[{"text": PROMPTS[0]}])[0]["ids"]
        for prompt, rows in ((PROMPTS[0], plain[:1]), (PROMPTS[:3], plain), (ids, plain[:1]), ([ids], plain[:1])):
            status, answer = server.ask("/v1/completions", {"model": "organism", "prompt": prompt, "temperature": 0, "max_tokens": TOKENS})
            assert status == 200 and [choice["text"] for choice in answer["choices"]] == [row["text"] for row in rows], answer
            assert [choice["index"] for choice in answer["choices"]] == list(range(len(rows))) and answer["object"] == "text_completion"

        # Streams: their pieces are the answer, also where a stop text cuts it.
        for model, prompt in (("organism", PROMPTS[0]), ("taught", PROMPTS[0]), ("organism", PROMPTS[7])):
            body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": TOKENS}
            whole = server.chat(prompt, model=model)["choices"][0]
            text = whole["message"]["content"]
            stops = [None] + ([text[5:8], text[len(text) // 2:len(text) // 2 + 4]] if len(text) > 12 else [])
            for stop in stops:
                body["stop"] = stop
                events = server.events("/v1/chat/completions", {**body, "stream_options": {"include_usage": True}})
                assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] > 0, events[-1]
                parts = [event["choices"][0] for event in events[:-1]]
                joined = "".join(part["delta"].get("content", "") for part in parts)
                assert joined == (text if stop is None else text[:text.index(stop)]), (stop, joined, text)
                assert parts[0]["delta"]["role"] == "assistant" and all("role" not in part["delta"] for part in parts[1:])
                assert [part["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + [whole["finish_reason"] if stop is None else "stop"]
                assert server.chat(prompt, model=model, stop=stop)["choices"][0]["message"]["content"] == joined
            assert len(parts) > 3, "a stream of one piece is none"
        two = server.events("/v1/completions", {"model": "organism", "prompt": PROMPTS[:2], "n": 2, "temperature": 1, "seed": 5, "max_tokens": 12})
        status, same = server.ask("/v1/completions", {"model": "organism", "prompt": PROMPTS[:2], "n": 2, "temperature": 1, "seed": 5, "max_tokens": 12})
        for choice in same["choices"]:
            assert "".join(event["choices"][0]["text"] for event in two if event["choices"][0]["index"] == choice["index"]) == choice["text"]

        # Sampled: a seed says all, several answers differ, generate draws the same.
        draws = [server.chat(PROMPTS[8], temperature=2, seed=seed, n=4) for seed in (1, 1, 2)]
        texts = [[choice["message"]["content"] for choice in draw["choices"]] for draw in draws]
        assert texts[0] == texts[1] != texts[2] and len(set(texts[0])) > 1, texts
        assert texts[0] == [row["text"] for row in generate([{"messages": [{"role": "user", "content": PROMPTS[8]}]}], "--temperature", 2, "--samples", 4, "--seed", 1)]
        assert draws[0]["usage"]["prompt_tokens"] == want["organism"][8]["prompt_tokens"], "a prompt counts once"
        free = [server.chat(PROMPTS[8], temperature=2)["choices"][0]["message"]["content"] for _ in range(4)]
        assert len(set(free)) > 1, "requests without a seed draw alike"

        # Log-probabilities are those of score, greedy tokens the likeliest; a stream has the same; penalties and bias are reckoned again from them.
        asked = {"model": "taught", "messages": [{"role": "user", "content": PROMPTS[1]}], "temperature": 0, "max_tokens": 12, "logprobs": True, "top_logprobs": 20}
        row = run("generate", "--model", ORGANISM, "--adapter", adapter, "--max-new-tokens", 12, rows=[{"messages": asked["messages"]}])[0]
        rendered = run("render", "--model", ORGANISM, rows=[{"messages": asked["messages"], "add_generation_prompt": True}])[0]["ids"]
        scored = run("score", "--model", ORGANISM, "--adapter", adapter, rows=[{"context_ids": rendered, "continuation_ids": row["ids"]}])[0]["token_logprobs"]
        status, answer = server.ask("/v1/chat/completions", asked)
        assert status == 200, answer
        told = answer["choices"][0]["logprobs"]["content"]
        assert len(told) in (len(row["ids"]), len(row["ids"]) - 1) and "".join(one["token"] for one in told) == row["text"], (told, row)
        for one, logprob in zip(told, scored):
            top = one["top_logprobs"]
            assert abs(one["logprob"] - logprob) < 1e-5 and len(top) == 20 and top[0] == {key: one[key] for key in ("token", "logprob", "bytes")}, (one, logprob)
            assert [entry["logprob"] for entry in top] == sorted((entry["logprob"] for entry in top), reverse=True) and bytes(one["bytes"]).decode() == one["token"]
            assert sum(math.exp(entry["logprob"]) for entry in top) <= 1 + 1e-6
        pieces = [event["choices"][0]["logprobs"] for event in server.events("/v1/chat/completions", asked)]
        assert [one for piece in pieces if piece for one in piece["content"]] == told
        stop = told[2]["token"] + told[3]["token"]
        short = server.ask("/v1/chat/completions", {**asked, "stop": stop})[1]["choices"][0]
        assert short["logprobs"]["content"] == told[:2] and short["message"]["content"] == told[0]["token"] + told[1]["token"], (short, stop)
        status, answer = server.ask("/v1/completions", {"model": "organism", "prompt": PROMPTS[:2], "temperature": 0, "max_tokens": 6, "logprobs": 2})
        for choice in answer["choices"]:
            probabilities = choice["logprobs"]
            assert "".join(probabilities["tokens"]) == choice["text"] and probabilities["text_offset"] == [len("".join(probabilities["tokens"][:i])) for i in range(len(probabilities["tokens"]))], choice
            assert all(list(top.values())[0] == logprob == max(top.values()) and len(top) == 2 for top, logprob in zip(probabilities["top_logprobs"], probabilities["token_logprobs"])), probabilities

        def penalised(prompt, frequency, presence):
            """The greedy answer of 24 tokens reckoned from the likeliest five of each; None where those do not decide."""
            ids = []
            for _ in range(24):
                status, answer = server.ask("/v1/completions", {"model": "organism", "prompt": prompt + ids, "temperature": 0, "max_tokens": 1, "logprobs": 5})
                assert status == 200, answer
                if not answer["choices"][0]["logprobs"]["tokens"]:
                    break
                top = {vocabulary[token]: logprob for token, logprob in answer["choices"][0]["logprobs"]["top_logprobs"][0].items()}
                reckoned = {one: logprob - ids.count(one) * frequency - (one in ids) * presence for one, logprob in top.items()}
                best = max(reckoned, key=reckoned.get)
                if reckoned[best] <= min(top.values()):
                    return None
                ids.append(best)
            return ids

        described = json.loads((ORGANISM / "tokenizer.json").read_text())
        named = [*described["model"]["vocab"].values(), *(token["id"] for token in described["added_tokens"])]
        texts = run("tokenize", "--model", ORGANISM, "--decode", rows=[{"ids": [i], "skip_special": False} for i in range(max(named) + 1)])
        vocabulary = {row["text"]: i for i, row in reversed(list(enumerate(texts)))}
        compared = changed = 0
        # Prompts that say nothing, so that the model is not sure.
        for start in range(12):
            prompt = [(start * 131 + i * 577) % 1800 + 10 for i in range(6)] * 2
            plain = penalised(prompt, 0, 0)
            for frequency, presence in ((1.5, 0), (0, 1.9), (0.4, 0.6)):
                ids = penalised(prompt, frequency, presence)
                if ids is None:
                    continue
                status, answer = server.ask("/v1/completions", {"model": "organism", "prompt": prompt, "temperature": 0, "max_tokens": 24, "frequency_penalty": frequency, "presence_penalty": presence})
                assert answer["choices"][0]["text"] == run("tokenize", "--model", ORGANISM, "--decode", rows=[{"ids": ids, "skip_special": True}])[0]["text"], (start, frequency, presence, answer, ids)
                compared += 1
                changed += ids != plain
        assert changed > 0, f"no penalty changes an answer of {compared}: the check is worth nothing"
        print(compared, "answers with penalties are those reckoned from log-probabilities,", changed, "of them other than without")
        plain = penalised(rendered, 0, 0)
        banned = server.ask("/v1/completions", {"model": "organism", "prompt": rendered, "temperature": 0, "max_tokens": 8, "logprobs": 0, "logit_bias": {str(plain[0]): -100}})[1]["choices"][0]
        assert banned["logprobs"]["tokens"][0] != texts[plain[0]]["text"], "a biased token was taken"

        # What is wrong is said in the API's words, and the next request is answered.
        good = {"model": "organism", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
        for expected, param, path, body in (
                (400, None, "/v1/chat/completions", b"{"), (400, None, "/v1/chat/completions", []), (404, "model", "/v1/chat/completions", {**good, "model": "gpt-4"}),
                (400, "model", "/v1/chat/completions", {"messages": good["messages"]}), (400, "temperature", "/v1/chat/completions", {**good, "temperature": -1}),
                (400, "top_p", "/v1/chat/completions", {**good, "top_p": 0}), (400, "max_tokens", "/v1/chat/completions", {**good, "max_tokens": 0}),
                (400, "n", "/v1/chat/completions", {**good, "n": 1000}), (400, "stop", "/v1/chat/completions", {**good, "stop": [""]}),
                (400, "seed", "/v1/chat/completions", {**good, "seed": "one"}), (400, "logprobs", "/v1/chat/completions", {**good, "logprobs": 3}),
                (400, "top_logprobs", "/v1/chat/completions", {**good, "top_logprobs": 3}), (400, "top_logprobs", "/v1/chat/completions", {**good, "logprobs": True, "top_logprobs": 21}),
                (400, "logprobs", "/v1/completions", {"model": "organism", "prompt": "a", "logprobs": 6}), (400, "presence_penalty", "/v1/chat/completions", {**good, "presence_penalty": 3}),
                (400, "logit_bias", "/v1/chat/completions", {**good, "logit_bias": {"x": 1}}), (400, "logit_bias", "/v1/chat/completions", {**good, "logit_bias": {"5": 101}}),
                (400, None, "/v1/chat/completions", {**good, "logit_bias": {"999999": 1}}), (400, "service_tier", "/v1/chat/completions", {**good, "service_tier": "auto"}),
                (400, "tools", "/v1/chat/completions", {**good, "tools": [{}]}), (400, "temprature", "/v1/chat/completions", {**good, "temprature": 0}),
                (400, "messages", "/v1/chat/completions", {**good, "messages": []}), (400, "messages[0]", "/v1/chat/completions", {**good, "messages": [{"role": "user"}]}),
                (400, "stream_options", "/v1/chat/completions", {**good, "stream_options": {}}), (400, "prompt", "/v1/completions", {"model": "organism"}),
                (400, "prompt", "/v1/completions", {"model": "organism", "prompt": [1.5]}), (400, None, "/v1/completions", {"model": "organism", "prompt": [99999999]}),
                (400, None, "/v1/chat/completions", b'{"model": "organism", "messages": [], "max_tokens": ' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}"),
                (400, None, "/v1/chat/completions", b"{" + b",".join(b'"k%d":1' % i for i in range(200_000)) + b"}"),
                (400, "messages[0].content", "/v1/chat/completions", {**good, "messages": [{"role": "user", "content": [{"type": 5, "text": "a"}]}]}),
                (400, None, "/v1/completions", {"model": "organism", "prompt": "charm " * 20000}), (404, None, "/v1/embeddings", {}), (404, None, "/v1/nothing", None)):
            status, answer = server.ask(path, body)
            assert status == expected and set(answer) == {"error"} and set(answer["error"]) == {"message", "type", "param", "code"}, (path, body if len(str(body)) < 200 else "long", status, answer)
            assert answer["error"]["param"] == param and answer["error"]["type"] == "invalid_request_error" and "\n" not in answer["error"]["message"], answer
        assert server.ask("/v1/chat/completions", good, **{"Content-Type": "text/plain"})[0] == 415, "a page of another site could ask"
        assert server.ask("/v1/models", None, Host="evil.example")[0] == 403
        assert server.ask("/v1/chat/completions", {**good, "user": "ada", "response_format": {"type": "text"}, "frequency_penalty": 0, "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]})[0] == 200

        # A listener that leaves in the middle of a stream takes nothing with it.
        connection = http.client.HTTPConnection(server.host, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps({**good, "max_tokens": 400, "temperature": 1, "stream": True}), {"Content-Type": "application/json"})
        connection.getresponse().read(50)
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()
        assert server.chat(PROMPTS[0])["choices"][0]["message"]["content"] == want["organism"][0]["text"]

        second = subprocess.run([PROGRAM, "serve", "--model", str(ORGANISM), "--port", server.host.split(":")[1]], capture_output=True, text=True)
        assert second.returncode == 2 and second.stderr.startswith("[serve] found port ") and second.stderr.count("\n") == 1, second
        double = subprocess.run([PROGRAM, "serve", "--model", str(ORGANISM), "--port", "0", "--adapter", adapter, "--adapter", adapter], capture_output=True, text=True)
        assert double.returncode == 2 and "expected one that no other has" in double.stderr, double

        try:
            import openai
        except ImportError:
            print("not compared, the package openai is not installed")
        else:
            client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
            arguments = dict(model="taught", messages=[{"role": "user", "content": PROMPTS[1]}], temperature=0, max_tokens=TOKENS)
            assert client.chat.completions.create(**arguments).choices[0].message.content == want["taught"][1]["text"]
            assert "".join(part.choices[0].delta.content or "" for part in client.chat.completions.create(**arguments, stream=True)) == want["taught"][1]["text"]
            try:
                client.chat.completions.create(**{**arguments, "model": "none"})
                raise AssertionError("an unknown model was answered")
            except openai.NotFoundError:
                pass
            print("the package openai", openai.__version__, "reads the answers, the streams and the errors")
        server.stop()
    finally:
        server.process.kill()
print("serve: answers, streams, seeds, stops and errors hold")
