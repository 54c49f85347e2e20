#include "dataplane/placement/engine.hpp"

#include "dataplane/placement/engine_of.hpp"
#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

template <class List>
std::vector<std::string> names_of() {
  std::vector<std::string> names;
  for_each_type<List>([&]<class T>() { names.emplace_back(T::kName); });
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<std::string> store_names() { return names_of<Stores>(); }
std::vector<std::string> iotlb_names() { return names_of<Iotlbs>(); }

Result<std::unique_ptr<Engine>> make_engine(std::string_view store, std::string_view iotlb,
                                            const EngineParts& parts) {
  Result<std::unique_ptr<Engine>> made = fail(
      ErrorKind::kUsage, "no store is called '{}': there are {}", store, joined(store_names()));
  with_type_named<Stores>(store, [&]<class S>() {
    made = fail(ErrorKind::kUsage, "no IOTLB is called '{}': there are {}", iotlb,
                joined(iotlb_names()));
    with_type_named<Iotlbs>(iotlb, [&]<class I>() { made = EngineOf<S, I>::make(parts); });
  });
  return made;
}

}  // namespace violet
