#include "engine/telemetry/segment.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <thread>

#include "engine/base/rng.hpp"

namespace violet {
namespace {

using ::testing::HasSubstr;

constexpr std::array kRings = {RingPlace{1, RingRole::kEngine, 64},
                               RingPlace{kRecorderLcore, RingRole::kRecorder, 5}};
const SegmentInfo kInfo{.ns_per_tick = 0.5,
                        .started_ticks = 1000,
                        .started_epoch_s = 1.7e9,
                        .run_id = "20260101T000000Z-demo-1234",
                        .run_directory = "/runs/demo",
                        .plan = "demo",
                        .cells = 12};

std::unique_ptr<RunSegment> segment() {
  auto made = RunSegment::create(kInfo, kRings);
  EXPECT_TRUE(made) << made.error().message;
  return std::move(*made);
}

TEST(Segment, AViewFindsEverythingThatTheRunPutIn) {
  const auto run = segment();
  auto attached = SegmentView::attach(::getpid(), run->fd());
  ASSERT_TRUE(attached) << attached.error().message;
  const SegmentView view = std::move(*attached);
  EXPECT_EQ(view.info().pid, ::getpid());
  EXPECT_EQ(view.info().ns_per_tick, 0.5);
  EXPECT_EQ(view.info().started_ticks, 1000u);
  EXPECT_EQ(view.info().run_id, kInfo.run_id);
  EXPECT_EQ(view.info().run_directory, kInfo.run_directory);
  EXPECT_EQ(view.info().plan, "demo");
  EXPECT_EQ(view.info().cells, 12u);
  ASSERT_EQ(view.rings().size(), 2u);
  EXPECT_EQ(view.rings()[0].role, RingRole::kEngine);
  EXPECT_EQ(view.rings()[1].lcore, kRecorderLcore);
  EXPECT_EQ(view.rings()[1].capacity, 8u);
  EXPECT_EQ(to_text(view.rings()[1].role), "recorder");

  for (std::uint64_t n = 0; n < 3; ++n) run->ring(1).record({n, EventKind::kMark, 0, 0, 7, n, 0});
  auto observer = view.observe(1);
  std::array<Event, 8> events;
  ASSERT_EQ(observer.read(events), 3u);
  EXPECT_EQ(events[2].a, 2u);
  EXPECT_EQ(view.observe(0).waiting(), 0u);
}

TEST(Segment, StatusIsTheLastOneOrNone) {
  const auto run = segment();
  const auto view = SegmentView::attach(::getpid(), run->fd());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->status(), SegmentStatus{});
  SegmentStatus status{3, 1, Phase::kMeasure, 0.25, "strategy=strict"};
  run->set_status(status);
  EXPECT_EQ(view->status(), status);
  EXPECT_FALSE(view->status()->step) << "not said is not the first";
  status.step = {2, 6};
  run->set_status(status);
  EXPECT_EQ(view->status(), status);
  status.label = std::string(1000, 'x');
  run->set_status(status);
  EXPECT_EQ(view->status()->label, std::string(231, 'x'));  // Cut off, never overrun.
}

TEST(Segment, StatusIsNeverAMixture) {
  const auto run = segment();
  const auto view = SegmentView::attach(::getpid(), run->fd());
  ASSERT_TRUE(view);
  std::atomic<bool> ended{false};
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      run->set_status({i, i, Phase::kMeasure, static_cast<double>(i), std::to_string(i)});
    }
    ended.store(true, std::memory_order_release);  // Partner: the loop below.
  });
  std::uint32_t last = 0;
  for (bool over = false; !over;) {
    over = ended.load(std::memory_order_acquire);  // Partner: the writer's end.
    const auto status = view->status();
    if (!status || status->phase == Phase::kStart) continue;
    EXPECT_EQ(status->repetition, status->cell);
    EXPECT_EQ(status->share, status->cell);
    EXPECT_EQ(status->label, std::to_string(status->cell));
    EXPECT_GE(status->cell, last);
    last = status->cell;
  }
  writer.join();
  EXPECT_EQ(view->status()->cell, 19'999u);
}

TEST(Segment, ALateViewerCannotWriteOrShrinkIt) {
  const auto run = segment();
  EXPECT_NE(::ftruncate(run->fd(), 0), 0);
  const int fd = ::open(fmt::format("/proc/self/fd/{}", run->fd()).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  if ((::fcntl(fd, F_GET_SEALS) & 0x10) != 0) {  // F_SEAL_FUTURE_WRITE: Linux 5.1.
    EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    EXPECT_LT(::write(fd, "x", 1), 0);
  }
  ::close(fd);
}

TEST(Segment, ADirectoryTooLongForTheHeaderIsAnError) {
  SegmentInfo info = kInfo;
  info.run_directory = std::string(5000, '/');
  EXPECT_FALSE(RunSegment::create(info, kRings));
}

// A sealed file with given bytes, as a hostile process could offer one.
class Forged {
 public:
  explicit Forged(std::span<const std::byte> bytes, int seals = F_SEAL_SHRINK)
      : fd_(::memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    EXPECT_EQ(::write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(::fcntl(fd_, F_ADD_SEALS, seals), 0);
  }
  ~Forged() { ::close(fd_); }
  Forged(const Forged&) = delete;
  Forged& operator=(const Forged&) = delete;
  Result<SegmentView> view() const { return SegmentView::attach(::getpid(), fd_); }
  std::string error() const {
    const auto attached = view();
    return attached ? "none" : attached.error().message;
  }

 private:
  int fd_;
};

std::vector<std::byte> good_bytes() {
  const auto run = segment();
  std::vector<std::byte> bytes(1 << 20);
  const ssize_t size = ::pread(run->fd(), bytes.data(), bytes.size(), 0);
  EXPECT_GT(size, 8192);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}
template <class T>
std::vector<std::byte> with(std::size_t offset, T value) {
  auto bytes = good_bytes();
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  return bytes;
}

TEST(Segment, G2_AForeignFileIsAnError) {
  EXPECT_EQ(Forged(good_bytes()).error(), "none");
  EXPECT_THAT(Forged(good_bytes(), F_SEAL_GROW).error(), HasSubstr("not the shared memory"));
  EXPECT_THAT(Forged(std::vector<std::byte>(100)).error(), HasSubstr("not the shared memory"));
  EXPECT_THAT(Forged(std::vector<std::byte>(9000)).error(), HasSubstr("not the shared memory"));
  auto cut = good_bytes();
  cut.resize(cut.size() - 1);
  EXPECT_THAT(Forged(cut).error(), HasSubstr("its header says"));
  EXPECT_THAT(Forged(with<std::uint32_t>(8, 7)).error(),
              HasSubstr("version 7, this program reads 2"));
  EXPECT_THAT(Forged(with<double>(32, std::numeric_limits<double>::quiet_NaN())).error(),
              HasSubstr("a tick of nan ns"));
  EXPECT_FALSE(SegmentView::open("/dev/null"));
  EXPECT_FALSE(SegmentView::open("/proc/self/exe"));
  EXPECT_FALSE(SegmentView::open("/"));
  EXPECT_FALSE(SegmentView::attach(::getpid(), 12345));
}

TEST(Segment, G2_RingsOutsideTheFileAreAnError) {
  // lcore, role, capacity and offset of the first ring, after 64 bytes of facts.
  EXPECT_THAT(Forged(with<std::uint32_t>(60, 17)).error(), HasSubstr("17 rings"));
  EXPECT_THAT(Forged(with<std::uint32_t>(64, 0x10000)).error(), HasSubstr("ring 0"));
  EXPECT_THAT(Forged(with<std::uint32_t>(68, 9)).error(), HasSubstr("ring 0"));
  for (const std::uint64_t capacity :
       {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 20, std::uint64_t{1} << 63}) {
    EXPECT_THAT(Forged(with(72, capacity)).error(), HasSubstr("ring 0")) << capacity;
  }
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{8200}, ~std::uint64_t{63}}) {
    EXPECT_THAT(Forged(with(80, offset)).error(), HasSubstr("ring 0")) << offset;
  }
}

TEST(Segment, G2_RandomDamageIsAnErrorOrReadable) {
  const auto good = good_bytes();
  Rng rng(7);
  std::array<Event, 64> events;
  for (int round = 0; round < 300; ++round) {
    auto bytes = good;
    for (int i = 0; i < 4; ++i) bytes[rng.below(512)] = static_cast<std::byte>(rng.below(256));
    for (int i = 0; i < 64; ++i) {
      bytes[rng.below(bytes.size())] = static_cast<std::byte>(rng.below(256));
    }
    const auto view = Forged(bytes).view();
    if (!view) continue;
    static_cast<void>(view->status());
    for (std::size_t ring = 0; ring < view->rings().size(); ++ring) {
      auto observer = view->observe(ring);
      EXPECT_LT(observer.read(events), view->rings()[ring].capacity);
    }
  }
}

}  // namespace
}  // namespace violet
