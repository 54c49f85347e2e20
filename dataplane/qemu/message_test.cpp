#include "dataplane/qemu/message.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "dataplane/qemu/channel.hpp"

namespace violet::qemu {
namespace {

std::vector<FileDescriptor> null_files(std::size_t count) {
  std::vector<FileDescriptor> fds;
  for (std::size_t i = 0; i < count; ++i) fds.emplace_back(::open("/dev/null", O_RDWR));
  return fds;
}

// Feeds bytes in pieces of at most `piece`; the first message or error.
Result<std::optional<Message>> assemble(MessageAssembler& assembler,
                                        std::span<const std::byte> bytes, std::size_t fds = 0,
                                        std::size_t piece = 1000) {
  Result<std::optional<Message>> last = std::optional<Message>();
  while (!bytes.empty() && last && !last->has_value()) {
    const auto room = assembler.room();
    const std::size_t now = std::min({room.size(), bytes.size(), piece});
    std::copy_n(bytes.begin(), now, room.begin());
    bytes = bytes.subspan(now);
    last = assembler.filled(now, null_files(std::exchange(fds, 0)));
  }
  return last;
}

Result<std::optional<Message>> assemble(const Body& body, std::size_t fds = 0,
                                        std::size_t piece = 1000) {
  MessageAssembler assembler;
  return assemble(assembler, encode(body), fds, piece);
}

TEST(Message, SurvivesAnyCutting) {
  for (std::size_t piece = 1; piece <= 30; ++piece) {
    const auto message = assemble(BarWrite{0xfebf1004, 2, 0x1234}, 0, piece);
    ASSERT_TRUE(message && message->has_value()) << piece;
    const auto& write = std::get<BarWrite>((*message)->body);
    EXPECT_EQ(write.address, 0xfebf1004u);
    EXPECT_EQ(write.bytes, 2u);
    EXPECT_EQ(write.value, 0x1234u);
  }
}

TEST(Message, MemoryHasOneRegionForEachDescriptor) {
  SyncMemory memory{{}, 2};
  memory.regions[0] = {0, 2ull << 30, 0};
  memory.regions[1] = {4ull << 30, 1ull << 30, 2ull << 30};
  const auto message = assemble(memory, 2);
  ASSERT_TRUE(message && message->has_value());
  const auto& read = std::get<SyncMemory>((*message)->body);
  ASSERT_EQ(read.count, 2u);
  EXPECT_EQ(read.regions[1].start, 4ull << 30);
  EXPECT_EQ(read.regions[1].bytes, 1ull << 30);
  EXPECT_EQ(read.regions[1].offset, 2ull << 30);
  EXPECT_FALSE((*message)->wants_answer());
}

TEST(Message, DescriptorsMustFitTheCommand) {
  EXPECT_TRUE(assemble(SetInterrupt{}, 2));
  EXPECT_FALSE(assemble(SetInterrupt{}, 1));
  EXPECT_FALSE(assemble(Reset{}, 1));
  EXPECT_FALSE(assemble(SyncMemory{{}, 0}, kMaxFds + 1));
}

TEST(Message, WidthsMustBeThoseOfTheBus) {
  EXPECT_TRUE(assemble(ConfigRead{0, 4}));
  EXPECT_FALSE(assemble(ConfigRead{0, 8}));
  EXPECT_FALSE(assemble(ConfigWrite{0, 3, 0}));
  EXPECT_TRUE(assemble(BarRead{0, 8}));
  EXPECT_FALSE(assemble(BarRead{0, 0}));
  EXPECT_FALSE(assemble(BarRead{0, 0x80000000}));
}

TEST(Message, AWrongHeaderEndsTheStream) {
  for (const std::uint32_t command : {1u, 8u, ~0u}) {
    auto bytes = encode(Reset{});
    std::memcpy(bytes.data(), &command, sizeof(command));
    MessageAssembler assembler;
    EXPECT_FALSE(assemble(assembler, bytes)) << command;
  }
  auto bytes = encode(ConfigRead{0, 4});
  const std::uint64_t size = ~std::uint64_t{0};
  std::memcpy(bytes.data() + 8, &size, sizeof(size));
  MessageAssembler assembler;
  EXPECT_FALSE(assemble(assembler, bytes));
}

TEST(Channel, PassesDescriptorsAndAnswers) {
  auto pair = Channel::open().value();
  EXPECT_FALSE(pair.ours.receive().value().has_value()) << "nothing was sent";
  auto bytes = encode(SetInterrupt{});
  auto files = null_files(2);
  const std::array<int, 2> fds = {files[0].get(), files[1].get()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control{};
  iovec data{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(fds));
  std::memcpy(CMSG_DATA(part), fds.data(), sizeof(fds));
  ASSERT_EQ(::sendmsg(pair.peers.get(), &header, 0), static_cast<ssize_t>(bytes.size()));

  auto message = pair.ours.receive();
  ASSERT_TRUE(message && message->has_value());
  ASSERT_EQ((*message)->fds.size(), 2u);
  EXPECT_NE((*message)->fds[0].get(), files[0].get());
  EXPECT_GE(::fcntl((*message)->fds[1].get(), F_GETFD), 0);

  ASSERT_TRUE(pair.ours.answer(0x1122334455667788));
  std::array<std::byte, kReturnBytes> answer{};
  ASSERT_EQ(::recv(pair.peers.get(), answer.data(), answer.size(), 0), 24);
  std::uint64_t value = 0;
  std::memcpy(&value, answer.data() + kHeaderBytes, sizeof(value));
  EXPECT_EQ(value, 0x1122334455667788u);
}

TEST(Channel, SaysWhetherThePeerLeftInTheMiddle) {
  auto pair = Channel::open().value();
  const auto bytes = encode(ConfigRead{0, 4});
  ASSERT_EQ(::send(pair.peers.get(), bytes.data(), 20, 0), 20);
  EXPECT_FALSE(pair.ours.receive().value().has_value());
  pair.peers.reset();
  const auto gone = pair.ours.receive();
  ASSERT_FALSE(gone);
  EXPECT_TRUE(pair.ours.closed());
  EXPECT_NE(gone.error().message.find("in the middle"), std::string::npos);
}

}  // namespace
}  // namespace violet::qemu
