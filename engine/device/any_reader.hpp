// AnyReader puts a reader's path and its steps, for whichever IOTLB they are made, behind virtual
// calls: for tests, fuzzers, the simulation and the lessons. What runs behind the calls is ReaderPath<I>.
//
// Threading: as reader_path.hpp.
// Invariants: begin_fill() keeps the ticket for the fill() that follows.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "engine/device/reader_path.hpp"

namespace violet {

class AnyReader {
 public:
  using Ask = std::function<BurstAccess(std::size_t)>;
  using Take = std::function<void(std::size_t, const TranslateResult&)>;

  virtual ~AnyReader() = default;
  virtual DeviceReader& reader() const = 0;
  virtual IotlbReaderStats stats() const = 0;
  virtual void online() = 0;
  virtual void quiescent() = 0;
  virtual void offline() = 0;

  virtual TranslateResult translate(EndpointHandle endpoint, Iova iova, Access access) = 0;
  virtual TranslateResult translate_quietly(EndpointHandle endpoint, Iova iova, Access access) = 0;
  virtual void translate_burst(EndpointHandle endpoint, std::size_t count, const Ask& ask,
                               const Take& take) = 0;

  virtual std::optional<IotlbHit> lookup(const Domain& domain, Iova iova) = 0;
  virtual void begin_fill(const Domain& domain, Iova iova) = 0;
  virtual void fill(const Domain& domain, Iova iova, const Translation& translation) = 0;

  // Keeps the reader online for a burst.
  class Section {
   public:
    explicit Section(AnyReader& reader) : reader_(reader) { reader_.online(); }
    ~Section() { reader_.offline(); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    void quiescent() { reader_.quiescent(); }

   private:
    AnyReader& reader_;
  };
};

template <IotlbCache I>
class AnyReaderOf final : public AnyReader {
 public:
  AnyReaderOf(I& iotlb, DeviceReader& reader) : path_(iotlb, reader) {}

  DeviceReader& reader() const override { return path_.reader(); }
  IotlbReaderStats stats() const override { return path_.stats(); }
  void online() override { path_.online(); }
  void quiescent() override { path_.quiescent(); }
  void offline() override { path_.offline(); }

  TranslateResult translate(EndpointHandle endpoint, Iova iova, Access access) override {
    return path_.translate(endpoint, iova, access);
  }
  TranslateResult translate_quietly(EndpointHandle endpoint, Iova iova, Access access) override {
    return path_.translate_quietly(endpoint, iova, access);
  }
  void translate_burst(EndpointHandle endpoint, std::size_t count, const Ask& ask,
                       const Take& take) override {
    path_.translate_burst(endpoint, count, ask, take);
  }

  std::optional<IotlbHit> lookup(const Domain& domain, Iova iova) override {
    return path_.lookup(domain, iova);
  }
  void begin_fill(const Domain& domain, Iova iova) override {
    ticket_.emplace(path_.begin_fill(domain, iova));
  }
  void fill(const Domain& domain, Iova iova, const Translation& translation) override {
    path_.fill(domain, *ticket_, iova, translation);
  }

 private:
  ReaderPath<I> path_;
  std::optional<typename I::FillTicket> ticket_;
};

// For a reader of a device whose IOTLB is a registered design.
std::unique_ptr<AnyReader> open_any_reader(DeviceReader& reader);

}  // namespace violet
