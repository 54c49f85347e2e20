// A topology layout places endpoints left, their domain in the middle, and the domain's address
// space right.
//
//     ENDPOINTS          DOMAINS            ADDRESS SPACE
//     [0x28] ---------.  +-----------+   |#### | //|      |
//     [0x30] ----------->| domain 1  |   |# ## | //|      |
//     [0x38] - - not attached           0x1000  ≈  0xfee0_0000
//
// Threading: a plain value.
// Invariants: Endpoints of one domain are neighbours, so that no two lines cross. No two boxes
// overlap. `height` holds everything; it grows with the endpoints and is at least what was asked
// for.
#pragma once

#include <QRectF>
#include <optional>
#include <vector>

#include "experiments/query/queries.hpp"
#include "gui/model/address_axis.hpp"

namespace violet::gui {
using namespace query;

struct TopologyLayout {
  struct EndpointBox {
    std::size_t index = 0;  // In the state.
    QRectF box;
    std::optional<std::size_t> domain;  // Index among `domains`.
  };
  struct DomainBox {
    std::size_t index = 0;
    QRectF box;
    QRectF bar;                                  // Its address space.
    std::vector<TopologyState::Region> regions;  // Of its endpoints, each once.
  };
  std::vector<EndpointBox> endpoints;
  std::vector<DomainBox> domains;
  AddressAxis axis;
  double bar_left = 0, bar_width = 0;
  double axis_y = 0;
  double height = 0;

  double x_of(Iova at) const { return bar_left + bar_width * axis.place(at); }
  QRectF rect_of(const DomainBox& domain, const IovaRange& range) const;
};

TopologyLayout layOut(const TopologyState& state, double width, double least_height);
// With all the room that it has a use for.
double naturalHeight(const TopologyState& state, double width);

}  // namespace violet::gui
