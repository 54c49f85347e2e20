#include "experiments/scorecard/viewer_process.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "engine/base/clock.hpp"
#include "engine/telemetry/segment.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::scorecard {
namespace {

struct Order {
  int segment_fd = -1;  // -1: detach.
  unsigned cpu = 0;
  unsigned frames_per_s = 1;
};
struct Answer {
  bool good = false;
  ViewerProcess::Totals totals;
};

template <class T>
bool send(int fd, const T& message) {
  return ::write(fd, &message, sizeof message) == static_cast<ssize_t>(sizeof message);
}
template <class T>
bool receive(int fd, T& message) {
  return ::read(fd, &message, sizeof message) == static_cast<ssize_t>(sizeof message);
}

void move_to(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

// One attachment, from the order that began it to the one that ends it.
class Attachment {
 public:
  Attachment(SegmentView view, unsigned frames_per_s)
      : view_(std::move(view)),
        period_ms_(static_cast<int>(1000 / frames_per_s)),
        aggregation_({.ns_per_tick = view_.info().ns_per_tick}),
        batch_(1 << 14) {
    for (std::size_t i = 0; i < view_.rings().size(); ++i) observers_.push_back(view_.observe(i));
  }

  ViewerProcess::Totals run(int orders) {
    pollfd order{orders, POLLIN, 0};
    while (::poll(&order, 1, period_ms_) == 0) frame();
    for (const RingObserver& observer : observers_) totals_.lost += observer.lost();
    return totals_;
  }

 private:
  void frame() {
    const Ticks now = now_ticks();
    for (std::size_t i = 0; i < observers_.size(); ++i) read(i);
    aggregation_.advance(now);
    aggregation_.pyramid();
    static_cast<void>(view_.status());
    ++totals_.frames;
  }
  void read(std::size_t ring) {
    RingObserver& observer = observers_[ring];
    // What came in since the last frame: a producer that goes on must not keep us here.
    for (std::uint64_t left = observer.waiting(); left > 0;) {
      const std::uint64_t lost = observer.lost();
      const std::size_t count = observer.read(batch_);
      if (count == 0) break;
      aggregation_.add(view_.rings()[ring].lcore, std::span(batch_).first(count),
                       observer.lost() - lost);
      totals_.events += count;
      left -= std::min<std::uint64_t>(left, count);
    }
  }

  SegmentView view_;
  int period_ms_;
  Aggregation aggregation_;
  std::vector<Event> batch_;
  std::vector<RingObserver> observers_;
  ViewerProcess::Totals totals_;
};

[[noreturn]] void serve(pid_t run, int orders, int answers) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  step_back(kAggregatingNice);
  Order order;
  while (receive(orders, order)) {
    move_to(order.cpu);
    auto view = SegmentView::attach(run, order.segment_fd);
    if (!send(answers, Answer{view.has_value(), {}})) break;
    if (!view) continue;
    Attachment attachment(std::move(*view), order.frames_per_s);
    const auto totals = attachment.run(orders);
    if (!receive(orders, order) || !send(answers, Answer{true, totals})) break;
  }
  ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<ViewerProcess>> ViewerProcess::start() {
  std::array<int, 2> orders{}, answers{};
  if (::pipe(orders.data()) != 0 || ::pipe(answers.data()) != 0) {
    return fail(ErrorKind::kEnvironment, "no pipe for a viewer: {}", std::strerror(errno));
  }
  const pid_t run = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(ErrorKind::kEnvironment, "no viewer: {}", std::strerror(errno));
  if (pid == 0) {
    ::close(orders[1]);
    ::close(answers[0]);
    serve(run, orders[0], answers[1]);
  }
  ::close(orders[0]);
  ::close(answers[1]);
  return std::unique_ptr<ViewerProcess>(new ViewerProcess(pid, orders[1], answers[0]));
}

ViewerProcess::~ViewerProcess() {
  ::close(to_);  // It reads the end and leaves.
  ::close(from_);
  ::waitpid(pid_, nullptr, 0);
}

Status ViewerProcess::attach(int segment_fd, unsigned cpu, unsigned frames_per_s) {
  Answer answer;
  if (!send(to_, Order{segment_fd, cpu, frames_per_s}) || !receive(from_, answer)) {
    return fail("the viewer's process has gone");
  }
  if (!answer.good) return fail("the viewer could not attach to the segment");
  return {};
}

Result<ViewerProcess::Totals> ViewerProcess::detach() {
  Answer answer;
  if (!send(to_, Order{}) || !receive(from_, answer)) return fail("the viewer's process has gone");
  return answer.totals;
}

}  // namespace violet::scorecard
