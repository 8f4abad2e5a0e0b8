// What servers for programs on this machine share: a port of one's own, an end on demand, answers as JSON.
#pragma once

#include <httplib.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::server {

// Binds before anything is answered.  `port` 0: any free one.  A second program cannot listen on the same port.
// Gives the port.  Throws Error(kMachine), `operation` in front, when it cannot be had.
int bind_server(httplib::Server& http, const std::string& host, int port, const std::string& operation);

// Answers from now on, until `should_stop`, which is asked ten times a second; `before_end` is called then, before the
// last answers are waited for.
void listen_until(
    httplib::Server& http, const std::function<bool()>& should_stop, const std::function<void()>& before_end = [] {});

void answer_json(httplib::Response& response, int status, const nlohmann::ordered_json& json);

// "127.0.0.1:8080" or "localhost:8080" for a server on that port of this machine: another name is a page of another
// site that has been given this machine's address.
bool names_this_machine(const httplib::Request& request, int port);

}  // namespace holdfast::server
