#include "engine/protocol/names.hpp"

#include <gtest/gtest.h>

namespace violet::protocol {
namespace {

TEST(Names, AreTheSpecifications) {
  EXPECT_STREQ(to_text(Type::kAttach), "ATTACH");
  EXPECT_STREQ(to_text(Type::kDetach), "DETACH");
  EXPECT_STREQ(to_text(Type::kMap), "MAP");
  EXPECT_STREQ(to_text(Type::kUnmap), "UNMAP");
  EXPECT_STREQ(to_text(Type::kProbe), "PROBE");
  EXPECT_STREQ(to_text(Status::kOk), "OK");
  EXPECT_STREQ(to_text(Status::kIoErr), "IOERR");
  EXPECT_STREQ(to_text(Status::kUnsupp), "UNSUPP");
  EXPECT_STREQ(to_text(Status::kDevErr), "DEVERR");
  EXPECT_STREQ(to_text(Status::kInval), "INVAL");
  EXPECT_STREQ(to_text(Status::kRange), "RANGE");
  EXPECT_STREQ(to_text(Status::kNoEnt), "NOENT");
  EXPECT_STREQ(to_text(Status::kFault), "FAULT");
  EXPECT_STREQ(to_text(Status::kNoMem), "NOMEM");
  EXPECT_STREQ(to_text(FaultReason::kUnknown), "UNKNOWN");
  EXPECT_STREQ(to_text(FaultReason::kDomain), "DOMAIN");
  EXPECT_STREQ(to_text(FaultReason::kMapping), "MAPPING");
  EXPECT_STREQ(in_words(FaultReason::kDomain), "no domain");
  EXPECT_STREQ(in_words(FaultReason::kMapping), "no mapping");
}

TEST(Names, EveryNumberHasOne) {
  for (int i = 0; i < 256; ++i) {
    EXPECT_NE(to_text(static_cast<Type>(i)), nullptr);
    EXPECT_NE(to_text(static_cast<Status>(i)), nullptr);
    EXPECT_NE(to_text(static_cast<FaultReason>(i)), nullptr);
    EXPECT_NE(in_words(static_cast<FaultReason>(i)), nullptr);
  }
  EXPECT_STREQ(to_text(static_cast<Type>(0)), to_text(static_cast<Type>(255)));
  EXPECT_STREQ(to_text(static_cast<FaultReason>(200)), "UNKNOWN");
}

}  // namespace
}  // namespace violet::protocol
