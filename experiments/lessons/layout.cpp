#include "experiments/lessons/layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/protocol/fault.hpp"
#include "engine/protocol/names.hpp"
#include "engine/protocol/properties.hpp"
#include "engine/protocol/wire.hpp"
#include "experiments/lessons/views.hpp"

namespace violet::lessons {
namespace {

using protocol::Type;
using Bytes = std::span<const std::byte>;
using Kind = Field::Kind;
using Origin = Field::Origin;

// Cuts a message into fields from the front.
class Cutter {
 public:
  Cutter(Bytes message, Origin origin, std::vector<Field>& out)
      : message_(message), origin_(origin), out_(out) {}

  std::uint64_t number(Kind kind, const char* name, std::size_t size) {
    const Bytes bytes = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    }
    push(kind, name, bytes);
    return value;
  }
  void address(Kind kind, const char* name) {
    const std::uint64_t value = number(kind, name, 8);
    say("{:#x}", value);
  }
  void id(const char* name) {
    const std::uint64_t value = number(Kind::kId, name, 4);
    say("{:#x}", value);
  }
  void reserved(const char* name, std::size_t size) {
    const Bytes bytes = take(size);
    push(Kind::kReserved, name, bytes);
    const bool zero = std::all_of(bytes.begin(), bytes.end(),
                                  [](std::byte byte) { return byte == std::byte{0}; });
    say("{}", zero ? "zero" : "not zero");
  }
  template <class... Values>
  void say(fmt::format_string<Values...> text, Values&&... values) {
    out_.back().meaning = fmt::format(text, std::forward<Values>(values)...);
  }
  std::size_t left() const { return message_.size() - at_; }
  Bytes rest() const { return message_.subspan(at_); }

 private:
  Bytes take(std::size_t size) {
    const Bytes bytes = message_.subspan(at_, std::min(size, left()));
    at_ += bytes.size();
    return bytes;
  }
  void push(Kind kind, const char* name, Bytes bytes) {
    out_.push_back({kind, at_ - bytes.size(), name, {bytes.begin(), bytes.end()}, {}, origin_});
  }

  Bytes message_;
  Origin origin_;
  std::vector<Field>& out_;
  std::size_t at_ = 0;
};

std::string flags_text(std::uint64_t flags) {
  std::string text;
  if ((flags & protocol::kMapRead) != 0) text += "READ ";
  if ((flags & protocol::kMapWrite) != 0) text += "WRITE ";
  if ((flags & protocol::kMapMmio) != 0) text += "MMIO ";
  if (text.empty()) return "none";
  text.pop_back();
  return text;
}

void cut_attach(Cutter& cut) {
  cut.id("domain");
  cut.id("endpoint");
  const auto flags = cut.number(Kind::kFlags, "flags", 4);
  cut.say("{}", flags == 0 ? "none" : "BYPASS");
  cut.reserved("reserved", 4);
}
void cut_detach(Cutter& cut) {
  cut.id("domain");
  cut.id("endpoint");
  cut.reserved("reserved", 8);
}
void cut_map(Cutter& cut) {
  cut.id("domain");
  cut.address(Kind::kIova, "virt_start");
  cut.address(Kind::kIova, "virt_end");
  cut.address(Kind::kPhys, "phys_start");
  const auto flags = cut.number(Kind::kFlags, "flags", 4);
  cut.say("{}", flags_text(flags));
}
void cut_unmap(Cutter& cut) {
  cut.id("domain");
  cut.address(Kind::kIova, "virt_start");
  cut.address(Kind::kIova, "virt_end");
  cut.reserved("reserved", 4);
}
void cut_probe(Cutter& cut) {
  cut.id("endpoint");
  cut.reserved("reserved", 64);
}

void cut_body(Cutter& cut, Type type) {
  switch (type) {
    case Type::kAttach:
      return cut_attach(cut);
    case Type::kDetach:
      return cut_detach(cut);
    case Type::kMap:
      return cut_map(cut);
    case Type::kUnmap:
      return cut_unmap(cut);
    case Type::kProbe:
      return cut_probe(cut);
  }
}

void cut_properties(Cutter& cut) {
  while (cut.left() > sizeof(protocol::Tail)) {
    const auto property = cut.number(Kind::kType, "property type", 2);
    if (property != protocol::kPropertyResvMem) {
      cut.say("none: the list ends");
      cut.reserved("unused", cut.left() - sizeof(protocol::Tail));
      return;
    }
    cut.say("RESV_MEM");
    cut.number(Kind::kFlags, "length", 2);
    cut.say("20");
    const auto subtype = cut.number(Kind::kFlags, "subtype", 1);
    cut.say("{}", subtype == protocol::kResvMemMsi ? "MSI" : "RESERVED");
    cut.reserved("reserved", 3);
    cut.address(Kind::kIova, "start");
    cut.address(Kind::kIova, "end");
  }
}

void cut_tail(Cutter& cut) {
  const auto status = cut.number(Kind::kStatus, "tail.status", 1);
  cut.say("{}", status_name(static_cast<protocol::Status>(status)));
  cut.reserved("tail.reserved", 3);
}

// Eight bytes a line, as letters and as numbers.
void add_moved(std::string_view data, std::vector<Field>& fields) {
  constexpr std::size_t kLine = 8;
  for (std::size_t at = 0; at < data.size(); at += kLine) {
    const auto line = data.substr(at, kLine);
    const auto bytes = std::as_bytes(std::span(line));
    std::string letters;
    for (const char c : line) letters += c >= ' ' && c <= '~' ? c : '.';
    fields.push_back(
        {Kind::kData, at, {}, {bytes.begin(), bytes.end()}, std::move(letters), Origin::kMoved});
  }
}

Type type_of(Bytes readable) { return readable.empty() ? Type{} : static_cast<Type>(readable[0]); }

}  // namespace

std::vector<Field> request_fields(Bytes readable, Bytes written) {
  std::vector<Field> fields;
  Cutter cut(readable, Origin::kDriver, fields);
  const auto type = static_cast<Type>(cut.number(Kind::kType, "head.type", 1));
  cut.say("{}", request_name(readable));
  cut.reserved("head.reserved", 3);
  cut_body(cut, type);
  if (written.empty()) return fields;
  Cutter answer(written, Origin::kDevice, fields);
  if (type == Type::kProbe) cut_properties(answer);
  cut_tail(answer);
  return fields;
}

std::vector<Field> fault_fields(Bytes record) {
  std::vector<Field> fields;
  Cutter cut(record, Origin::kDevice, fields);
  static constexpr const char* kMeanings[] = {"", ": attached to none", ": none allows it"};
  const auto reason = cut.number(Kind::kStatus, "reason", 1);
  cut.say("{}{}", protocol::to_text(static_cast<protocol::FaultReason>(reason)),
          kMeanings[reason < 3 ? reason : 0]);
  cut.reserved("reserved", 3);
  const auto flags = cut.number(Kind::kFlags, "flags", 4);
  cut.say("{}{}{}", (flags & protocol::kFaultRead) != 0 ? "READ " : "",
          (flags & protocol::kFaultWrite) != 0 ? "WRITE " : "",
          (flags & protocol::kFaultAddress) != 0 ? "ADDRESS" : "");
  cut.id("endpoint");
  cut.reserved("reserved", 4);
  cut.address(Kind::kIova, "address");
  return fields;
}

std::vector<Field> access_fields(unsigned endpoint, const AccessView& access) {
  std::vector<Field> fields;
  const auto ask = [&](Kind kind, const char* name, std::string meaning) {
    fields.push_back({kind, 0, name, {}, std::move(meaning), Origin::kAsked});
  };
  ask(Kind::kId, "endpoint",
      fmt::format("{:#x}, the {}", kEndpointIds[endpoint].value, kEndpointNames[endpoint]));
  ask(Kind::kType, "access",
      fmt::format("{}, {} bytes", access.access == Access::kRead ? "read" : "write",
                  access.length));
  ask(Kind::kIova, "address", fmt::format("{:#x}", access.iova.value));
  const bool no_domain = access.faulted() && access.result.reason == protocol::FaultReason::kDomain;
  if (!no_domain) ask(Kind::kFlags, "IOTLB", access.missed ? "miss" : "hit");
  if (access.faulted()) {
    ask(Kind::kStatus, "answer", fmt::format("fault: {}", protocol::to_text(access.result.reason)));
  } else if (access.is_granted()) {
    ask(Kind::kPhys, "answer", fmt::format("{:#x}", access.result.phys.value));
  }
  add_moved(access.moved(), fields);
  return fields;
}

std::string request_name(Bytes readable) { return protocol::to_text(type_of(readable)); }

Tone request_tone(Bytes readable) {
  const Type type = type_of(readable);
  if (type == Type::kMap) return Tone::kMap;
  return type == Type::kUnmap ? Tone::kUnmap : Tone::kPlain;
}

std::string request_summary(Bytes readable) {
  struct Summary {
    std::string operator()(const protocol::Attach& r) const {
      return fmt::format("ATTACH {:#x}, domain {}", std::uint32_t{r.endpoint},
                         std::uint32_t{r.domain});
    }
    std::string operator()(const protocol::Detach& r) const {
      return fmt::format("DETACH {:#x}, domain {}", std::uint32_t{r.endpoint},
                         std::uint32_t{r.domain});
    }
    std::string operator()(const protocol::Map& r) const {
      return fmt::format("MAP {:#x} \u2192 {:#x}", std::uint64_t{r.virt_start},
                         std::uint64_t{r.phys_start});
    }
    std::string operator()(const protocol::Unmap& r) const {
      return fmt::format("UNMAP {:#x}", std::uint64_t{r.virt_start});
    }
    std::string operator()(const protocol::Probe& r) const {
      return fmt::format("PROBE {:#x}", std::uint32_t{r.endpoint});
    }
    std::string operator()(const protocol::UnknownRequest& r) const {
      return fmt::format("unknown type {}", r.type);
    }
    std::string operator()(const protocol::ShortRequest& /*cut off*/) const { return "too short"; }
  };
  return protocol::decode(readable, Summary{});
}

std::string status_name(std::optional<protocol::Status> status) {
  return status ? protocol::to_text(*status) : "no status";
}

std::string fault_summary(Bytes record) {
  const auto fault = protocol::parse_fault(record);
  if (!fault) return "damaged";
  const std::string address =
      fault->address ? fmt::format("{:#x}", fault->address->value) : "no address";
  return fmt::format("{:#x} {} {}", fault->endpoint.value, fault->write ? "W" : "R", address);
}

std::optional<IovaRange> unmapped_range(Bytes readable) {
  const auto request = protocol::decode(readable);
  const auto* unmap = std::get_if<protocol::Unmap>(&request);
  return unmap != nullptr ? std::optional(protocol::range_of(*unmap)) : std::nullopt;
}

std::optional<IovaRange> mapped_range(Bytes readable) {
  const auto request = protocol::decode(readable);
  const auto* map = std::get_if<protocol::Map>(&request);
  return map != nullptr ? std::optional(protocol::range_of(*map)) : std::nullopt;
}

}  // namespace violet::lessons
