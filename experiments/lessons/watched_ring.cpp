#include "experiments/lessons/watched_ring.hpp"

#include "engine/base/check.hpp"

namespace violet::lessons {

WatchedRing::WatchedRing(const GuestMemory& memory, const QueueLayout& layout, bool polling,
                         const Ticks& clock, RingListener& listener)
    : memory_(memory),
      clock_(clock),
      listener_(listener),
      driver_(std::move(make_driver_queue(memory, layout, {}).value())),
      device_(std::move(make_request_queue(memory, layout, {}).value())) {
  if (polling) {
    device_->suppress_kicks();
  } else {
    static_cast<void>(device_->arm_kicks());
  }
}

std::vector<std::byte> WatchedRing::copy(GuestPhys phys, std::uint32_t bytes) const {
  if (bytes == 0) return {};
  const std::byte* host = memory_.host(phys, bytes);
  VIOLET_CHECK(host != nullptr);
  return {host, host + bytes};
}

std::size_t WatchedRing::add(std::span<const DriverBuffer> buffers) {
  listener_.before_request();
  const std::size_t added = driver_->add(buffers);
  for (const DriverBuffer& buffer : buffers.first(added)) {
    RequestView view;
    view.token = static_cast<std::uint32_t>(views_.size());
    view.readable = copy(buffer.readable, buffer.readable_bytes);
    view.queued_at = clock_;
    by_cookie_[buffer.cookie] = view.token;
    writable_.push_back(buffer.writable);
    views_.push_back(std::move(view));
    listener_.written(views_.back());
  }
  return added;
}

void WatchedRing::publish() {
  driver_->publish();
  listener_.published();
}

std::size_t WatchedRing::pop_used(std::span<UsedBuffer> out) {
  const std::size_t count = driver_->pop_used(out);
  for (const UsedBuffer& used : out.first(count)) {
    RequestView& view = views_[by_cookie_.at(used.cookie)];
    view.seen = true;
    listener_.read(view);
  }
  return count;
}

std::size_t WatchedRing::pop(std::span<Request> out) {
  const std::size_t count = device_->pop(out);
  for (const Request& request : out.first(count)) {
    RequestView& view = views_.at(next_taken_++);
    by_chain_[request.token] = view.token;
    view.state = RequestView::State::kTaken;
    taken_.push_back(view.token);
  }
  return count;
}

void WatchedRing::complete(std::span<const Completion> completions) {
  device_->complete(completions);
  for (const Completion& completion : completions) {
    RequestView& view = views_[by_chain_.at(completion.token)];
    view.state = RequestView::State::kAnswered;
    view.answered_at = clock_;
    view.written = copy(writable_[view.token], completion.used);
    if (completion.used > 0) view.status = static_cast<protocol::Status>(completion.status);
    answered_.push_back(view.token);
  }
}

}  // namespace violet::lessons
