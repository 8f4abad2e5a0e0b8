#include "assessment/fingerprint.h"

#include <algorithm>
#include <map>

#include "assessment/held_out.h"
#include "assessment/inputs.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

std::string shortened(const ordered_json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  return text.empty() ? "none" : text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

// The parts of two objects that differ, "key value, key value"; other values whole.
std::pair<std::string, std::string> differing_parts(const ordered_json& a, const ordered_json& b) {
  if (!a.is_object() || !b.is_object()) return {shortened(a), shortened(b)};
  std::pair<std::string, std::string> texts;
  const auto add = [](std::string& text, const std::string& key, const ordered_json& value) {
    text += (text.empty() ? "" : ", ") + key + " " + shortened(value);
  };
  ordered_json keys = a;
  keys.update(b);
  for (const auto& [key, unused] : keys.items()) {
    const ordered_json left = a.value(key, ordered_json()), right = b.value(key, ordered_json());
    if (left == right) continue;
    add(texts.first, key, left);
    add(texts.second, key, right);
  }
  return texts;
}

std::int64_t leading(const std::vector<std::int32_t>& ids, std::int64_t token) {
  return std::find_if(ids.begin(), ids.end(), [&](std::int32_t id) { return id != token; }) - ids.begin();
}

}  // namespace

Fingerprint fingerprint(const ordered_json& identity) {
  const auto& provenance = identity["provenance"];
  const auto& model = provenance["model"];
  const ordered_json& plan = identity["plan"];
  const ordered_json none = ordered_json::object();
  const ordered_json said = plan.value("model", none), generation = plan.value("generation", none),
                     entries = plan.value("benchmark", none), arms = plan.value("arm", none);
  Fingerprint prints = {{"weights", model["weights_sha256"]},
                        {"adapter", model.value("adapter_sha256", "none")},
                        {"config", model["config_sha256"]},
                        {"tokenizer", model["tokenizer_sha256"]},
                        {"template", model["template_sha256"]},
                        {"template-date", said.value("template_date", "")},
                        {"system-prompt", said.value("system_prompt", "")},
                        {"plain-content", said.value("plain_content", true)},
                        {"precision", model["precision"]},
                        {"device", provenance["device"]},
                        {"program", provenance["program"]}};
  if (provenance.contains(kSafeguarded)) prints.emplace_back(kSafeguarded, provenance[kSafeguarded]);
  ordered_json sampling = {{"samples", identity["samples"]}};
  for (const char* key : {"max_new_tokens", "temperature", "top_p"})
    sampling[key] = generation.value(key, ordered_json());
  if (sampling["temperature"] != 0.0) sampling["seed"] = plan.value("seed", 0);  // else nothing is drawn
  prints.emplace_back("sampling", sampling);
  for (const auto& one : provenance["benchmarks"]) {
    const std::string name = one["name"];
    ordered_json print = {{"data", one["path_sha256"]},
                          {"items", one["items"]},
                          {"version", one["version"]},
                          {"kind", identity["kinds"].value(name, "")}};
    // One entry of a plan may be two benchmarks, NAME_safe and NAME_unsafe.
    const std::string plain = selection_name(name);
    for (const auto& [entry, keys] : entries.items()) {
      if (plain != entry && plain != entry + "_safe" && plain != entry + "_unsafe") continue;
      for (const auto& [key, value] : keys.items()) {
        if (key != "judges" && key != "at" && key != "path_sha256" && key != "role" && key != "kind")
          print[key] = value;
      }
    }
    prints.emplace_back("benchmark." + name, std::move(print));
  }
  for (const auto& one : provenance["judges"])
    prints.emplace_back("judge." + one["name"].get<std::string>(), one["sha256"]);
  for (const auto& [name, arm] : arms.items()) {
    ordered_json print = arm;
    print.erase("checkpoints");  // which steps are measured moves none of them
    print.erase("seeds");        // cells are matched by seed
    prints.emplace_back("training." + name, std::move(print));
  }
  return prints;
}

std::vector<Difference> differences(const Fingerprint& first, const Fingerprint& second) {
  std::vector<Difference> list;
  for (const auto& [name, value] : first) {
    const auto other =
        std::find_if(second.begin(), second.end(), [&, &n = name](const auto& p) { return p.first == n; });
    if (other == second.end() || other->second == value) continue;
    const auto [left, right] = differing_parts(value, other->second);
    list.push_back({name, left, right});
  }
  return list;
}

std::vector<Difference> prompt_differences(const Journal& first, const Journal& second,
                                           const std::vector<std::string>& benchmarks) {
  const ordered_json bos[] = {first.identity()["provenance"]["model"].value("bos_token_id", ordered_json()),
                              second.identity()["provenance"]["model"].value("bos_token_id", ordered_json())};
  std::vector<Difference> list;
  for (const std::string& name : benchmarks) {
    std::map<std::string, std::vector<std::int32_t>> asked;
    for (StoredPrompt& one : second.prompts(name)) asked.emplace(std::move(one.item), std::move(one.ids));
    std::int64_t shared = 0, other_ids = 0, most[] = {0, 0};
    for (const StoredPrompt& one : first.prompts(name)) {
      const auto found = asked.find(one.item);
      if (found == asked.end()) continue;
      ++shared;
      other_ids += found->second != one.ids;
      if (bos[0].is_number_integer()) most[0] = std::max(most[0], leading(one.ids, bos[0].get<std::int64_t>()));
      if (bos[1].is_number_integer()) most[1] = std::max(most[1], leading(found->second, bos[1].get<std::int64_t>()));
    }
    if (other_ids > 0) {
      const std::string count = std::to_string(other_ids) + " of " + std::to_string(shared) + " prompts";
      list.push_back({"prompts." + name, count + " in these tokens", "in other tokens"});
    }
    if (most[0] != most[1])
      list.push_back({"bos." + name, std::to_string(most[0]) + " before a prompt", std::to_string(most[1])});
  }
  return list;
}

}  // namespace holdfast::assessment
