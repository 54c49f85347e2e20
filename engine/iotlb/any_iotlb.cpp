#include "engine/iotlb/any_iotlb.hpp"

#include "engine/iotlb/designs.hpp"

namespace violet {
namespace {

template <IotlbCache I>
class ReaderOf final : public AnyIotlbReader {
 public:
  using Reader = typename I::Reader;
  using FillTicket = typename I::FillTicket;
  static_assert(std::is_trivially_copyable_v<FillTicket>);
  static_assert(sizeof(FillTicket) <= sizeof(Ticket));

  ReaderOf(I& iotlb, Reader& reader) : iotlb_(iotlb), reader_(reader) {}

  std::unique_ptr<Burst> burst(DomainTag tag) override {
    return std::make_unique<BurstOf>(iotlb_, reader_, tag);
  }
  std::optional<IotlbHit> lookup(DomainTag tag, Iova iova) noexcept override {
    return iotlb_.lookup(reader_, tag, iova);
  }
  Ticket begin_fill(DomainTag tag, Iova iova) noexcept override {
    const FillTicket ticket = iotlb_.begin_fill(reader_, tag, iova);
    Ticket any;
    std::memcpy(any.bytes.data(), &ticket, sizeof(ticket));
    return any;
  }
  void fill(const Ticket& any, DomainTag tag, Iova iova,
            const Translation& translation) noexcept override {
    FillTicket ticket;
    std::memcpy(&ticket, any.bytes.data(), sizeof(ticket));
    iotlb_.fill(reader_, ticket, tag, iova, translation);
  }
  void quiescent() noexcept override { iotlb_.quiescent(reader_); }
  IotlbReaderStats stats() const override { return reader_.stats(); }

 private:
  class BurstOf final : public Burst {
   public:
    BurstOf(I& iotlb, Reader& reader, DomainTag tag) : burst_(iotlb.burst(reader, tag)) {}
    std::optional<IotlbHit> lookup(Iova iova) noexcept override { return burst_.lookup(iova); }
    std::optional<IotlbHit> lookup_home(Iova iova) const noexcept override {
      return burst_.lookup_home(iova);
    }
    void count_hits(std::uint64_t hits) noexcept override { burst_.count_hits(hits); }

   private:
    typename I::Burst burst_;
  };

  I& iotlb_;
  Reader& reader_;
};

}  // namespace

Result<std::unique_ptr<AnyIotlbReader>> open_any_reader(IotlbControl& iotlb, ReaderId id) {
  VIOLET_TRY(IotlbReader* const added, iotlb.add_reader(id));
  return visit_design(iotlb, [&]<class I>(I& design) -> std::unique_ptr<AnyIotlbReader> {
    return std::make_unique<ReaderOf<I>>(design, static_cast<typename I::Reader&>(*added));
  });
}

}  // namespace violet
