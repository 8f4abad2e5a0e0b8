#include "model/activation_policy.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/profile.h"
#include "model/memory_plan.h"

namespace holdfast::model {

const char* keeping_name(Keeping keeping) {
  switch (keeping) {
    case Keeping::kKeep:
      return "keep";
    case Keeping::kRecompute:
      return "recompute";
    case Keeping::kOffload:
      break;
  }
  return "offload";
}

std::vector<Keeping> plan_keeping(const checkpoint::ModelConfig& config, std::int64_t tokens, std::int64_t budget_bytes,
                                  Keeping otherwise) {
  constexpr std::int64_t kFloat = 4;
  const auto layers = static_cast<std::size_t>(config.num_layers);
  const std::int64_t all = kFloat * tokens * token_widths(config).kept;
  const std::int64_t one = std::max<std::int64_t>(1, all / config.num_layers);
  // The input of a layer that recomputes stays.
  const std::int64_t input = otherwise == Keeping::kRecompute ? kFloat * tokens * config.hidden_size : 0;
  const std::int64_t given_up =
      budget_bytes >= all
          ? 0
          : std::min(config.num_layers, (all - budget_bytes) / std::max<std::int64_t>(1, one - input) + 1);
  std::vector<Keeping> plan(layers, Keeping::kKeep);
  std::fill(plan.begin(), plan.begin() + given_up, otherwise);
  return plan;
}

ActivationFile::ActivationFile(const std::filesystem::path& directory) : directory_(directory) {
  std::string name = (directory / "activations-XXXXXX").string();
  file_ = mkostemp(name.data(), O_CLOEXEC);
  HOLDFAST_CHECK(kMachine, file_ >= 0, "[activations] cannot make a file in ", directory.string(), ": ",
                 std::strerror(errno), "; try --activations recompute");
  unlink(name.c_str());
}

ActivationFile::~ActivationFile() { close(file_); }

ActivationFile::Stored ActivationFile::put(const at::Tensor& tensor) {
  HOLDFAST_ASSERT(tensor.is_contiguous());
  const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
  const profile::Phase phase("offload", 0, static_cast<double>(bytes));
  Stored stored{tensor.sizes().vec(), tensor.scalar_type(), end_};
  const char* from = static_cast<const char*>(tensor.const_data_ptr());
  for (std::int64_t done = 0; done < bytes;) {
    const ssize_t written = pwrite(file_, from + done, static_cast<std::size_t>(bytes - done), end_ + done);
    if (written < 0 && errno == EINTR) continue;
    HOLDFAST_CHECK(kMachine, written > 0, "[activations] cannot write to a file in ", directory_.string(), ": ",
                   std::strerror(errno), "; try freeing disk space, or --activations recompute");
    done += written;
  }
  end_ += bytes;
  return stored;
}

at::Tensor ActivationFile::get(const Stored& stored) const {
  at::Tensor tensor = at::empty(stored.sizes, stored.type);
  const auto bytes = static_cast<std::int64_t>(tensor.nbytes());
  const profile::Phase phase("offload back", 0, static_cast<double>(bytes));
  char* to = static_cast<char*>(tensor.data_ptr());
  for (std::int64_t done = 0; done < bytes;) {
    const ssize_t read = pread(file_, to + done, static_cast<std::size_t>(bytes - done), stored.offset + done);
    if (read < 0 && errno == EINTR) continue;
    HOLDFAST_CHECK(kMachine, read > 0, "[activations] cannot read back from a file in ", directory_.string(), ": ",
                   read == 0 ? "it ended" : std::strerror(errno), "; try --activations recompute");
    done += read;
  }
  return tensor;
}

}  // namespace holdfast::model
