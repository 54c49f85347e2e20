// The IOTLB generation-domain keeps a counter for each domain; an invalidation empties what the
// readers cached of its domain and of the few that share its counter. What a domain-selective IOTLB
// flush costs.
//
// Threading, memory order, wrap-around: generation_iotlb.hpp. Sharing: domain_generations.hpp.
#pragma once

#include "engine/iotlb/domain_generations.hpp"

namespace violet {

class PerDomainGeneration : public DomainGenerations {
 public:
  static constexpr IotlbDesign kDesign = IotlbDesign::kGenerationDomain;
};

using GenerationDomainIotlb = GenerationIotlb<PerDomainGeneration>;

}  // namespace violet
