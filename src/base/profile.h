// Where the time goes: phases of the calling thread, timed while a profile is being taken, and free otherwise.
//
// A Phase stands for the lifetime of an object; phases nest, and a phase's own time is what its inner ones leave.  Work
// that a phase hands to other threads is in its time, since it waits for them.  Only the thread that called start() is
// timed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::profile {

void start();
// Operations of all phases since the program began, of every thread, whether a profile is being taken or not.
double counted_flops();
bool is_on();

class Phase {
 public:
  // `name` must live as long as the program.  `flops` and `bytes` are of the phase's own work: floating-point
  // operations and bytes that must be moved at least; 0: not counted.
  explicit Phase(const char* name, double flops = 0, double bytes = 0);
  ~Phase();
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  bool is_timed_;
};

struct Row {
  std::string name;
  std::int64_t count = 0;
  double seconds = 0;  // without inner phases
  double flops = 0, bytes = 0;
};
// Longest first, and with the name "(outside)" what no phase covers since start().
std::vector<Row> table();

// Chrome's trace event format (chrome://tracing, Perfetto): one complete event a phase.
std::string chrome_trace();

}  // namespace holdfast::profile
