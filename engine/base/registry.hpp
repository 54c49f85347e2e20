// A registry lists the things of one kind that can be chosen by name: strategies, workloads, importers,
// domain stores, IOTLBs. The room of the things owns the table; adding one is one file and one line.
//
//     struct StoreInfo : RegistryEntry {                                 // stores.hpp
//       std::unique_ptr<DomainStore> (*make)(const StoreConfig& config);
//     };
//     Registry<StoreInfo> stores();
//
//     Registry<StoreInfo> stores() {                                     // stores.cpp
//       static const StoreInfo kAll[] = {
//           {{"radix", "a radix tree of pages"}, &make_store<RadixStore>},
//           {{"interval", "a sorted tree of mappings"}, &make_store<IntervalStore>},
//       };
//       return {"store", kAll};
//     }
//
//     VIOLET_TRY(const StoreInfo* info, stores().require(name));         // whoever makes one
//     auto store = info->make(config);
//     INSTANTIATE_TEST_SUITE_P(All, StoreTest, ValuesIn(stores().names()));
//
// Entries that are defined beside what they make are one line each of a list macro, see
// experiments/strategies/strategies.hpp.
//
// Threading: immutable; the table is made at its first use.
// Invariants: names are unique; the first entry is the default.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/base/setting.hpp"

namespace violet {

// What a user reads of an entry; the kinds add their factory.
struct RegistryEntry {
  std::string name;          // As in plans: "lazy-percpu".
  std::string summary = {};  // One line for `list`.
  std::vector<Setting> settings = {};
};

// "there is no store 'radx', did you mean 'radix'? There are: radix, interval".
Error no_such_entry(std::string_view kind, std::string_view name,
                    std::span<const std::string> names);

template <std::derived_from<RegistryEntry> Entry>
class Registry {
 public:
  // `kind`: what an entry is called in messages. Both outlive the registry.
  Registry(std::string_view kind, std::span<const Entry> entries)
      : kind_(kind), entries_(entries) {}

  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  const Entry& front() const { return entries_.front(); }  // The default.

  // Null when there is none of this name.
  const Entry* find(std::string_view name) const {
    for (const Entry& entry : entries_) {
      if (entry.name == name) return &entry;
    }
    return nullptr;
  }
  // An error of usage that lists the names and guesses which was meant.
  Result<const Entry*> require(std::string_view name) const {
    if (const Entry* entry = find(name)) return entry;
    return tl::unexpected<Error>(no_such_entry(kind_, name, names()));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Entry& entry : entries_) all.push_back(entry.name);
    return all;
  }

 private:
  std::string_view kind_;
  std::span<const Entry> entries_;
};

}  // namespace violet
