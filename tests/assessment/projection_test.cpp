#include "assessment/projection.h"

#include <gtest/gtest.h>

#include "assessment/devices.h"
#include "assessment/fixtures.h"
#include "assessment/plan.h"

namespace holdfast::assessment {
namespace {

const ModelSize& known(const std::string& name) {
  for (const ModelSize& size : known_sizes())
    if (size.name == name) return size;
  throw std::runtime_error("no size " + name);
}

TEST(ModelSizes, HaveThePublishedNumberOfParameters) {
  // Touvron et al., arXiv:2307.09288 name them by these; Jiang et al., arXiv:2401.04088: 47 billion, 13 active.
  EXPECT_EQ(known("Llama 2 7B").parameters, 6'738'415'616);
  EXPECT_EQ(known("Llama 2 13B").parameters, 13'015'864'320);
  EXPECT_EQ(known("Llama 2 70B").parameters, 68'976'648'192);
  EXPECT_EQ(known("Mixtral 8x7B").parameters, 46'702'792'704);
  EXPECT_EQ(known("Mixtral 8x7B").active_parameters, 12'879'925'248);
  EXPECT_EQ(known("Llama 2 7B").active_parameters, known("Llama 2 7B").parameters);
}

TEST(ModelSizes, CountTheOperationsOfAToken) {
  // 32 x (4 x 4096^2 + 3 x 4096 x 11008) weights in linear layers, two operations each.
  EXPECT_EQ(known("Llama 2 7B").linear_flops, 2.0 * 32 * (4.0 * 4096 * 4096 + 3.0 * 4096 * 11008));
  EXPECT_EQ(known("Llama 2 7B").head_flops, 2.0 * 4096 * 32000);
  EXPECT_EQ(known("Llama 2 7B").adapter_flops, 2.0 * 32 * (4 * 8192 + 3 * (4096 + 11008)));
  // Two experts of eight, and the router.
  EXPECT_EQ(known("Mixtral 8x7B").linear_flops,
            2.0 * 32 * (2 * 4096.0 * 4096 + 2 * 4096.0 * 1024 + 2 * 3 * 4096.0 * 14336 + 8 * 4096.0));
}

TEST(ModelSizes, AreWrittenAndReadBack) {
  const ModelSize& size = known("Llama 2 70B");
  EXPECT_EQ(size_json(size_of(size_json(size))), size_json(size));
}

ModelSize small() {
  return {.name = "small",
          .source = "made up",
          .parameters = 1000,
          .active_parameters = 1000,
          .linear_flops = 2000,
          .head_flops = 500,
          .adapter_flops = 10,
          .weight_bytes = 600,
          .fixed_bytes = 5000,
          .adapter_bytes = 100,
          .training_bytes = 7,
          .cache_bytes = 3,
          .passing_bytes = 2};
}

Device device() {
  return {.name = "made",
          .flops = 1e6,
          .memory_bytes = 100'000,
          .bandwidth = 1e4,
          .usd_per_hour = 3600,
          .as_of = "2026",
          .source = "made up"};
}

Work work() {
  return {.training_tokens = 1000,
          .target_tokens = 100,
          .prompt_tokens = 300,
          .generated_tokens = 200,
          .scored_tokens = 400,
          .read_tokens = 40,
          .judge_usd = 2,
          .rank = 4,
          .pack_tokens = 50,
          .wave = 10,
          .answer_tokens = 30};
}

TEST(Projection, IsWhatAHandComputes) {
  const Projection p = project(small(), device(), work(), {.train = 0.5, .generate = 0.5, .score = 0.25, .judge = {}});
  // 1000 x (2 x 2000 + 3 x 4 x 10) + 2 x 100 x 500 operations at half of 10^6 a second.
  EXPECT_DOUBLE_EQ(*p.train, (1000 * (4000 + 120) + 100'000) / 5e5);
  // 500 x 2000 + 200 x 500 operations would take 2.2 s; 20 steps that read 600 bytes at half of 10^4 a second take 2.4.
  EXPECT_DOUBLE_EQ(*p.generate, 2.4);
  EXPECT_DOUBLE_EQ(*p.score, (400 * 2000 + 40 * 500) / 2.5e5);
  EXPECT_FALSE(p.judge.has_value());
  EXPECT_DOUBLE_EQ(*p.seconds, *p.train + 2.4 + *p.score);
  EXPECT_DOUBLE_EQ(*p.train_usd, *p.train);  // a dollar a second
  EXPECT_DOUBLE_EQ(*p.usd, *p.seconds + 2);
  EXPECT_DOUBLE_EQ(*p.tokens_for_200_usd, 200 / *p.train * 1000);
  // 5000 + 4 x 100 + 50 x 7 for training; 5000 + 10 x 30 x 3 + 50 x 2 for answering.
  EXPECT_EQ(p.memory_bytes, 6000);
  EXPECT_TRUE(p.fits);
}

TEST(Projection, SaysThatAModelDoesNotFitAndNothingMore) {
  Device tiny = device();
  tiny.memory_bytes = 5999;
  const Projection p = project(small(), tiny, work(), {.train = 0.5, .generate = 0.5, .score = 0.25, .judge = {}});
  EXPECT_FALSE(p.fits);
  EXPECT_FALSE(p.seconds || p.usd || p.train || p.train_usd || p.tokens_for_200_usd);
  EXPECT_FALSE(projection_json(p).contains("seconds"));
}

TEST(Projection, IsAbsentWhereAShareWasNotMeasured) {
  const Projection p = project(small(), device(), work(), {.train = 0.5, .generate = {}, .score = {}, .judge = {}});
  EXPECT_TRUE(p.train && p.train_usd);
  EXPECT_FALSE(p.generate || p.score || p.seconds || p.usd);
}

TEST(Projection, HasNoMoneyWithoutAPrice) {
  Device free = device();
  free.usd_per_hour = 0;
  const Projection p = project(small(), free, work(), {.train = 0.5, .generate = 0.5, .score = 0.25, .judge = {}});
  EXPECT_TRUE(p.seconds.has_value());
  EXPECT_FALSE(p.usd || p.train_usd);
}

TEST(Projection, FitsWhatIsKnownToFit) {
  // QLoRA (arXiv:2305.14314) trains 65 billion parameters on 48 GB with activations recomputed; kept, 70B needs more.
  const Work one{.training_tokens = 1, .target_tokens = 1, .pack_tokens = 1024, .wave = 16};
  const PeakShares shares{.train = 0.4, .generate = {}, .score = {}, .judge = {}};
  const auto fits = [&](const std::string& model, const std::string& name) {
    return project(known(model), find_devices(name).front(), one, shares).fits;
  };
  EXPECT_TRUE(fits("Llama 2 7B", "RTX 4090"));
  EXPECT_TRUE(fits("Llama 2 70B", "A100 80GB"));
  EXPECT_FALSE(fits("Llama 2 70B", "RTX 4090"));
  EXPECT_FALSE(fits("Mixtral 8x7B", "RTX 4090"));
}

class Devices : public InDirectory {};

TEST_F(Devices, AreFoundByNameHoweverItIsSpelt) {
  EXPECT_EQ(find_devices("a100-80gb").front().name, "A100 80GB");
  EXPECT_EQ(find_devices("H100").front().memory_bytes, 80'000'000'000);
  EXPECT_GE(shipped_devices().size(), 5u);
  for (const Device& device : shipped_devices()) EXPECT_GT(device.usd_per_hour, 0) << device.name;
}

TEST_F(Devices, OfAUserComeFromAFile) {
  write("mine.toml",
        "[[device]]\nname = \"MI300X\"\nflops = 1307e12\nmemory_gb = 192\nbandwidth_gb_s = 5300\n"
        "usd_per_hour = 3.5\n[[device]]\nname = \"old\"\nkind = \"cpu\"\nflops = 2e12\nmemory_gb = 64\nbandwidth_gb_s "
        "= 80\n");
  const auto devices = find_devices((directory_ / "mine.toml").string());
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].bandwidth, 5300e9);
  EXPECT_EQ(devices[1].kind, "cpu");
}

TEST_F(Devices, OfAPlanAreNamedInFilesOrItsOwn) {
  write("mine.toml", "[[device]]\nname = \"mine\"\nflops = 1e12\nmemory_gb = 8\nbandwidth_gb_s = 100\n");
  const std::string plan = "[model]\npath = \"m\"\n[[benchmark]]\nname = \"b\"\npath = \"b.jsonl\"\n";
  const auto names = [&](const std::string& more) {
    std::string list;
    for (const Device& one : parse_plan(plan + more, "plan.toml", directory_, {}, PlanFiles::kMayBeMissing).devices)
      list += one.name + "; ";
    return list;
  };
  EXPECT_EQ(names(""), "RTX 4090; A100 80GB; H100; ");
  EXPECT_EQ(names("[price]\ndevices = [\"h200\", \"mine.toml\"]\n[[device]]\nname = \"own\"\nflops = 1e12\n"
                  "memory_gb = 8\nbandwidth_gb_s = 100\n"),
            "H200; mine; own; ");
  EXPECT_NE(error_of([&] { names("[price]\ndevices = [\"H1000\"]\n"); }).find("expected one of RTX 4090"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              names("[[device]]\nname = \"own\"\nflops = 1e12\nmemory_gb = 8\n");
            }).find("plan.toml:6: found the device 'own' with bandwidth_gb_s = 0"),
            std::string::npos);
}

struct Wrong {
  const char *text, *error;
};

TEST_F(Devices, ErrorsNameLineAndWhatIsExpected) {
  const Wrong cases[] = {
      {"x = [", "FILE:1: found text that is no TOML"},
      {"", "found no device, expected at least one"},
      {"[[device]]\nflops = 1\n", "FILE:1: found a device without a name"},
      {"[[device]]\nname = \"a\"\nmemory_gb = 1\nbandwidth_gb_s = 1\n", "'a' with flops = 0, expected its operations"},
      {"[[device]]\nname = \"a\"\nflops = -3\n", "FILE:3: found flops = -3, expected a number from 0 up"},
      {"[[device]]\nname = \"a\"\nflops = 1\nmemory_gb = 1\nbandwidth_gb_s = 1\nwatt = 3\n", "did you mean 'watts'?"},
      {"[[device]]\nname = \"a\"\nflops = 1\nmemory_gb = 1\nbandwidth_gb_s = 1\n[[device]]\nname = \"A\"\nflops = 1\n"
       "memory_gb = 1\nbandwidth_gb_s = 1\n",
       "FILE:6: found the device 'A' a second time"},
  };
  for (const Wrong& wrong : cases) {
    const std::string error = error_of([&] { parse_devices(wrong.text, "FILE"); });
    EXPECT_NE(error.find(wrong.error), std::string::npos) << wrong.text << "\n" << error;
    EXPECT_TRUE(error.starts_with("[devices] ")) << error;
  }
  const std::string unknown = error_of([] { find_devices("H1000"); });
  EXPECT_NE(unknown.find("expected one of RTX 4090, L40S"), std::string::npos) << unknown;
}

}  // namespace
}  // namespace holdfast::assessment
