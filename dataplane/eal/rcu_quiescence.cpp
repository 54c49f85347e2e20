#include "dataplane/eal/rcu_quiescence.hpp"

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <utility>

namespace violet {

Result<std::unique_ptr<RcuQuiescence>> RcuQuiescence::create(std::uint32_t max_readers) {
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(max_readers);
  auto* qsbr = static_cast<rte_rcu_qsbr*>(rte_zmalloc("violet_qsbr", bytes, RTE_CACHE_LINE_SIZE));
  if (qsbr == nullptr) {
    return fail(ErrorKind::kEnvironment, "no {} bytes for rte_rcu_qsbr: has EAL started?", bytes);
  }
  if (rte_rcu_qsbr_init(qsbr, max_readers) != 0) {
    rte_free(qsbr);
    return fail("rte_rcu_qsbr_init: {}", rte_strerror(rte_errno));
  }
  return std::unique_ptr<RcuQuiescence>(new RcuQuiescence(qsbr, max_readers));
}

RcuQuiescence::RcuQuiescence(rte_rcu_qsbr* qsbr, std::uint32_t max_readers)
    : qsbr_(qsbr), max_readers_(max_readers) {}

RcuQuiescence::~RcuQuiescence() { rte_free(qsbr_); }

Result<ReaderId> RcuQuiescence::add_reader(std::string name) {
  const auto id = static_cast<std::uint32_t>(names_.size());
  if (id == max_readers_ || rte_rcu_qsbr_thread_register(qsbr_, id) != 0) {
    return fail("cannot add reader '{}': the limit of {} readers is reached", name, max_readers_);
  }
  names_.push_back(std::move(name));
  return ReaderId{id};
}

Quiescence::Token RcuQuiescence::start() { return rte_rcu_qsbr_start(qsbr_); }

bool RcuQuiescence::passed(Token token) {
  if (rte_rcu_qsbr_check(qsbr_, token, false) != 1) return false;
  // The library's check loads with acquire; nothing more is needed before the memory is reused.
  return true;
}

std::optional<ReaderId> RcuQuiescence::laggard(Token token) {
  for (std::uint32_t id = 0; id < names_.size(); ++id) {
    // acquire: partner of the reader's release in rte_rcu_qsbr_quiescent().
    const auto seen = __atomic_load_n(&qsbr_->qsbr_cnt[id].cnt, __ATOMIC_ACQUIRE);
    if (seen != __RTE_QSBR_CNT_THR_OFFLINE && seen < token) return ReaderId{id};
  }
  return std::nullopt;
}

void RcuQuiescence::online(ReaderId reader) { rte_rcu_qsbr_thread_online(qsbr_, reader.value); }
void RcuQuiescence::quiescent(ReaderId reader) { rte_rcu_qsbr_quiescent(qsbr_, reader.value); }
void RcuQuiescence::offline(ReaderId reader) { rte_rcu_qsbr_thread_offline(qsbr_, reader.value); }

}  // namespace violet
