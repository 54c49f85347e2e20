#include "experiments/trace/pyramid.hpp"

namespace violet {

PyramidView Pyramid::view() const {
  PyramidView view;
  view.facts = facts;
  view.buckets = buckets;
  for (std::size_t i = 0; i < kTimedOperations; ++i) view.latencies[i] = latencies[i];
  view.windows = windows;
  view.gauges = gauges;
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    view.churn[i] = churn[i];
    view.spans[i] = spans[i];
  }
  view.endpoints = endpoints;
  view.checkpoints = checkpoints;
  view.lives = lives;
  view.pages = pages;
  view.flights = flights;
  view.mappings = mappings;
  view.attached = attached;
  view.ever_attached = ever_attached;
  view.probes = probes;
  view.faults = faults;
  view.regions = regions;
  view.used = used;
  view.first_maps = first_maps;
  return view;
}

}  // namespace violet
