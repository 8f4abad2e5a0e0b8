// What the programs that Python's benchmarks talk to have in common: requests, a line of JSON each, and a clock.
#pragma once

#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::benchmarks {

// Of this process, all threads.
inline double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Answers each line of standard input with a line of what `answer` gives; an exception becomes {"error": its text}.
template <typename Answer>
void answer_requests(Answer&& answer) {
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::ordered_json reply;
    try {
      reply = answer(nlohmann::ordered_json::parse(line));
    } catch (const std::exception& error) {
      reply = {{"error", error.what()}};
    }
    std::cout << reply.dump() << std::endl;
  }
}

}  // namespace holdfast::benchmarks
