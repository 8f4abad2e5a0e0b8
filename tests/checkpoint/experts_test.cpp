#include "checkpoint/experts.h"

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

TEST(Mxfp4, ValuesEqualTransformers) {
  const SafetensorsFile golden(testing::source_directory() / "tests/golden/mxfp4.safetensors");
  const at::Tensor ours = dequantize_mxfp4(golden.tensor("blocks"), golden.tensor("scales"));
  EXPECT_TRUE(ours.equal(golden.tensor("values")));
}

}  // namespace
}  // namespace holdfast::checkpoint
