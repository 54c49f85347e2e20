#include "experiments/results/table_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

// The rows as nodes of the tree, which is what the pieces replace.
Json tree_of(const Table& table) {
  Json json = head_json(table);
  json["rows"] = Json::array();
  for (const auto& row : table.rows) json["rows"].push_back(row_json(table, row));
  return json;
}

std::string pieces_of(const Json& document, const TablesJson& tables) {
  return collected([&](const WritePiece& write) { return tables.write(document, write); });
}

Table odd_table() {
  Table table{"odd \"title\"\n\xff", {{"cell", "", true}, {"map.p50", "ns"}}, {}, {"a note"}};
  table.columns.push_back({"bar", "", false, Audience::kPeople});
  table.about = {{"tests", std::uint64_t{3}}, {"unknown", std::optional<double>()}};
  table.rows.push_back({Text{"line\nbreak, \t\xc3\xa9"}, Quantity{1.5, Interval{1, 2}}, Text{"-"}});
  table.rows.push_back({Text{""}, Quantity{std::numeric_limits<double>::infinity()}, Text{"-"}});
  table.rows.push_back({Text{"{}"}, Quantity{{}, {}, "because"}, Text{"-"}});
  return table;
}

TEST(TablesJson, WritesWhatTheTreeWouldBe) {
  const Table odd = odd_table(), empty{"empty", {{"cell", "", true}}, {}, {}};
  TablesJson tables;
  Json document = {{"schema", "x"}, {"nothing", Json::object()}};
  document["contrasts"] = Json::array({tables.place(odd), tables.place(empty), 7});
  document["within"]["deeper"] = tables.place(odd);
  document["after"] = {"a", Json::array(), {{"b", nullptr}}};
  Json tree = document;
  tree["contrasts"] = Json::array({tree_of(odd), tree_of(empty), 7});
  tree["within"]["deeper"] = tree_of(odd);
  EXPECT_EQ(pieces_of(document, tables), dump(tree, 2));
}

TEST(TablesJson, ADocumentWithoutTablesIsAsItWas) {
  const Json document = {{"a", {1, 2, {{"b", "c"}}}}, {"d", Json::array()}};
  EXPECT_EQ(pieces_of(document, TablesJson()), dump(document, 2));
}

TEST(TablesJson, EndsAtThePieceThatIsRefused) {
  const Table odd = odd_table();
  TablesJson tables;
  const Json document = tables.place(odd);
  std::size_t whole = 0;
  ASSERT_TRUE(tables.write(document, [&](std::string_view) -> Status {
    ++whole;
    return {};
  }));
  for (std::size_t most = 0; most < whole; ++most) {
    std::size_t calls = 0;
    const Status done = tables.write(document, [&](std::string_view) -> Status {
      if (calls++ == most) return fail("full");
      return {};
    });
    ASSERT_FALSE(done) << most;
    EXPECT_EQ(done.error().message, "full");
    EXPECT_EQ(calls, most + 1) << "nothing is written after it";
  }
}

}  // namespace
}  // namespace violet::results
