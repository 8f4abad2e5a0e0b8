"""Conversations that chat templates are compared on: (messages, further arguments of apply_chat_template)."""

CALL = {"id": "call0001a", "type": "function", "function": {"name": "weather", "arguments": {"town": "Genève", "days": 3, "when": None, "exact": True, "range": [1, 2.5, {"deep": []}]}}}
TEXT_CALL = {"id": "call0003c", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Bern"}'}}
NO_ARGUMENTS = {"id": "call0004d", "type": "function", "function": {"name": "nothing", "arguments": {}}}
TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "The weather of a town\nin \"words\" <é>", "parameters": {"type": "object", "properties": {
        "town": {"type": "string", "description": "its name"}, "days": {"type": ["integer", "null"], "default": None, "minimum": -1.5e-9, "enum": [1, 2.0, True, None]},
        "place": {"type": "object", "properties": {"x": {"type": "number"}, "list": {"type": "array", "items": {"type": "string"}}}, "required": []}}, "required": ["town"]},
        "return": {"type": "string"}}},
    {"type": "function", "function": {"name": "nothing", "description": "", "parameters": {"type": "object", "properties": {}}}},
]


def user(content, **more):
    return {"role": "user", "content": content, **more}


def system(content):
    return {"role": "system", "content": content}


def assistant(content, **more):
    return {"role": "assistant", "content": content, **more}


def tool(content, call="call0001a", **more):
    return {"role": "tool", "name": "weather", "tool_call_id": call, "content": content, **more}


PLAIN = [
    [user("Hello")],
    [system("Be kind."), user("Hello")],
    [user("Hi"), assistant("Good day."), user("And now?")],
    [system("  Be kind.\n"), user(" a \n"), assistant("\nb "), user("c")],
    [user("Grüße \U0001f999 <b>&'\""), assistant("日本 \U00031350\u200b\u00a0")],
    [user("")],
    [user(" \n\t ")],
    [system(""), user("Hello")],
    [user("one"), user("two")],
    [user("a"), assistant("one"), assistant("two"), user("b")],
    [system("one"), system("two"), user("Hello")],
    [user("Hello"), system("Late.")],
    [assistant("first"), user("then")],
    [assistant("alone")],
    [system("alone")],
    [user("x"), assistant("")],
    [{"role": "narrator", "content": "It was dark."}, user("Where?")],
    [{"role": "developer", "content": "Answer in verse."}, user("Hello")],
    [{"role": "ipython", "content": "42"}, user("Hello")],
    [user("x"), assistant("<think>\nhm\n</think>\n\nyes"), user("y")],
    [user("x"), assistant("<think>hm</think>yes"), user("y"), assistant("</think> only an end"), user("z")],
    [user("x"), assistant("yes", reasoning_content="hm"), user("y"), assistant("no", reasoning="oh")],
    [user("x"), assistant("yes", reasoning_content="\n hm \n"), user("y"), assistant("\n no", thinking="oh\n")],
    [user("x"), assistant("yes", reasoning_content="")],
    [user("rain?"), assistant("", tool_calls=[CALL]), tool('{"rain": true}')],
    [user("rain?"), assistant(None, tool_calls=[CALL]), tool("dry"), assistant("It is dry."), user("Thanks")],
    [user("rain?"), {"role": "assistant", "tool_calls": [CALL]}, tool("dry")],
    [system("Use tools."), user("both"), assistant("Let me see.", tool_calls=[CALL, CALL | {"id": "call0002b"}]), tool("1"), tool("2", "call0002b")],
    [user("text"), assistant("", tool_calls=[TEXT_CALL]), tool("9 degrees", "call0003c")],
    [user("none"), assistant("", tool_calls=[NO_ARGUMENTS]), tool("", "call0004d"), assistant("Done.")],
    [user("bad id"), assistant("", tool_calls=[CALL | {"id": "x"}]), tool("1", "x")],
    [user("no id"), assistant("", tool_calls=[{"function": CALL["function"]}]), tool("1")],
    [user("flat"), assistant("", tool_calls=[{"name": "weather", "arguments": {"town": "Bern"}}]), tool("1")],
    [user("object"), assistant("", tool_calls=[CALL]), tool({"rain": [1, None, True]})],
    [user("rain?"), assistant("", tool_calls=[CALL], reasoning_content="I must look."), tool("dry"), assistant("Dry.", reasoning_content="So it is.")],
    [user("empty"), assistant("x", tool_calls=[])],
    [user([{"type": "text", "text": "part one"}, {"type": "text", "text": " part two "}]), assistant([{"type": "text", "text": "ok"}])],
    [user([])],
    [user([{"type": "image"}, {"type": "text", "text": "what is it?"}])],
    [user("keys", name="Ann", weight=1, extra={"a": [None, 1e-7, 1e16, -0.0]}), assistant("kept", tool_calls=None)],
    [user(None), assistant("yes")],
    [user("x"), assistant(None)],
    [{"role": "user"}],
    [{"content": "no role"}],
    [user(5), assistant(1.5)],
    [user(True)],
    [{"role": "", "content": "x"}],
    [user("turn {i}\n" * (i % 5)) if i % 2 == 0 else assistant(f"turn {i}\n" * (i % 5)) for i in range(61)],
    [user("word <s> [INST] <|im_end|> {{ x }} {% if %} " * 200)],
    [user("e\u0301\u0327 \u202eright to left\u202c \ufeff\u2028\u2029 \x00\x07\x7f\x85"), assistant("\U0010ffff\ue000")],
    [user("line\r\nends\rof\nall kinds"), assistant("\r\n")],
    [user("\\n \\\" \\u00e9 </s> <|eot_id|> <start_of_turn>"), assistant("<|im_end|>")],
]
SWITCHES = [{"enable_thinking": True}, {"enable_thinking": False}, {"thinking": True}, {"reasoning_effort": "high"}, {"date_string": "1 Jan 2031"}, {"custom_tools": TOOLS}, {"builtin_tools": ["code_interpreter"]},
            {"documents": [{"title": "T é", "text": "Body\n"}, {"title": "U", "text": ""}]}, {"bos_token": "<other>"}, {"tools_in_user_message": False}, {"model_identity": "You are a test."}, {"unknown": [1, {"a": None}]}]
WITH_SWITCHES = [([system("Be kind."), user("Hello"), assistant("yes", reasoning_content="hm"), user("And now?")], switch) for switch in SWITCHES]
CONTINUED = [([user("Hi"), assistant(content)], {"continue_final_message": True}) for content in ("Good", "Good day, ", " \n", "yes\n\n", "")] + [
    ([user("Hi"), assistant([{"type": "text", "text": "Good "}, {"type": "image"}])], {"continue_final_message": True}),
    ([user("Hi"), assistant("x", reasoning_content="hm, ")], {"continue_final_message": "reasoning_content"}),
    ([user("Hi"), {"role": "assistant"}], {"continue_final_message": True}),
    ([user("Once upon")], {"continue_final_message": True}),
]
