#include "gui/topology/topology_layout.hpp"

#include <algorithm>

namespace violet::gui {
namespace {

constexpr double kMargin = 16, kTitle = 28, kAxis = 56, kGap = 16;
constexpr double kEndpointWidth = 168, kLines = 72, kDomainWidth = 176, kToBar = 24;
constexpr double kLeastRow = 18, kMostRow = 30, kLeastGroup = 60, kMostGroup = 180;
constexpr double kMostBar = 64;

struct Group {
  std::optional<std::size_t> domain;
  std::vector<std::size_t> endpoints;
};

// Domains in their order, those of endpoints whose domain is not known of and unattached ones last.
std::vector<Group> groupsOf(const TopologyState& state) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < state.domains.size(); ++i) groups.push_back({i, {}});
  Group alone;
  for (std::size_t i = 0; i < state.endpoints.size(); ++i) {
    const auto& endpoint = state.endpoints[i];
    const auto found = std::find_if(state.domains.begin(), state.domains.end(),
                                    [&](const auto& one) { return endpoint.is_in(one.id); });
    Group& group = found == state.domains.end()
                       ? alone
                       : groups[static_cast<std::size_t>(found - state.domains.begin())];
    group.endpoints.push_back(i);
  }
  if (!alone.endpoints.empty()) groups.push_back(std::move(alone));
  return groups;
}

double groupHeight(const Group& group, double row, double least) {
  const double rows = row * static_cast<double>(group.endpoints.size());
  return group.domain ? std::max(least, rows) : rows;
}

double total(const std::vector<Group>& groups, double row, double least) {
  double height = kTitle + kAxis + 2 * kMargin;
  for (const Group& group : groups) height += groupHeight(group, row, least) + kGap;
  return height;
}

std::vector<TopologyState::Region> regionsOf(const TopologyState& state, const Group& group) {
  std::vector<TopologyState::Region> regions;
  for (const std::size_t i : group.endpoints) {
    for (const auto& region : state.endpoints[i].regions) {
      const auto same = [&region](const TopologyState::Region& one) {
        return one.range == region.range && one.kind == region.kind;
      };
      if (std::none_of(regions.begin(), regions.end(), same)) regions.push_back(region);
    }
  }
  return regions;
}

AddressAxis axisOf(const TopologyState& state) {
  std::vector<IovaRange> used;
  for (const auto& domain : state.domains) {
    for (const auto& mapping : domain.mappings) used.push_back(mapping.range);
  }
  for (const auto& endpoint : state.endpoints) {
    for (const auto& region : endpoint.regions) used.push_back(region.range);
  }
  return AddressAxis(std::move(used));
}

}  // namespace

QRectF TopologyLayout::rect_of(const DomainBox& domain, const IovaRange& range) const {
  const double from = x_of(range.first);
  const double to = bar_left + bar_width * axis.place_behind(range.last);
  return {from, domain.bar.top(), std::max(1.0, to - from), domain.bar.height()};
}

TopologyLayout layOut(const TopologyState& state, double width, double least_height) {
  TopologyLayout layout;
  layout.axis = axisOf(state);
  const std::vector<Group> groups = groupsOf(state);
  // As roomy as the height allows.
  double row = kMostRow, least = kMostGroup;
  while (row > kLeastRow && total(groups, row, least) > least_height) --row;
  while (least > kLeastGroup && total(groups, row, least) > least_height) least -= 4;
  const double domain_x = kMargin + kEndpointWidth + kLines;
  layout.bar_left = domain_x + kDomainWidth + kToBar;
  layout.bar_width = std::max(60.0, width - layout.bar_left - kMargin);
  double y = kMargin + kTitle;
  for (const Group& group : groups) {
    const double height = groupHeight(group, row, least);
    const double rows = row * static_cast<double>(group.endpoints.size());
    double at = y + (height - rows) / 2;
    std::optional<std::size_t> domain;
    if (group.domain) {
      domain = layout.domains.size();
      const double bar = std::min(kMostBar, height - 20);
      layout.domains.push_back(
          {*group.domain,
           {domain_x, y + height / 2 - kLeastGroup / 2, kDomainWidth, kLeastGroup},
           {layout.bar_left, y + height / 2 - bar / 2, layout.bar_width, bar},
           regionsOf(state, group)});
    }
    for (const std::size_t i : group.endpoints) {
      layout.endpoints.push_back({i, {kMargin, at + 1, kEndpointWidth, row - 3}, domain});
      at += row;
    }
    y += height + kGap;
  }
  layout.axis_y = y;
  layout.height = std::max(least_height, y + kAxis + kMargin);
  return layout;
}

double naturalHeight(const TopologyState& state, double width) {
  constexpr double kEnough = 1e9;
  return layOut(state, width, kEnough).axis_y + kAxis + kMargin;
}

}  // namespace violet::gui
