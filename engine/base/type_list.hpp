// A list of types, so that a registry (stores, IOTLBs) is one alias with one line an entry.
//
// Threading: compile time only.
//
//     using Stores = TypeList<RadixStore, IntervalStore>;
//     for_each_type<Stores>([]<class S>() { fmt::print("{}\n", S::kName); });
//     with_type_named<Stores>("radix", []<class S>() { run<S>(); });   // false when no such name
#pragma once

#include <cstddef>
#include <string_view>

namespace violet {

template <class... Ts>
struct TypeList {
  static constexpr std::size_t kSize = sizeof...(Ts);
  // Instantiates Template<Ts...>, for example testing::Types.
  template <template <class...> class Template>
  using Apply = Template<Ts...>;
};

namespace detail {

template <class... Ts, class Function>
constexpr void for_each_type(TypeList<Ts...> /*list*/, Function& function) {
  (function.template operator()<Ts>(), ...);
}

template <class T, class Function>
constexpr bool call_if_named(std::string_view name, Function& function) {
  if (name != std::string_view(T::kName)) return false;
  function.template operator()<T>();
  return true;
}

template <class... Ts, class Function>
constexpr bool with_type_named(TypeList<Ts...> /*list*/, std::string_view name,
                               Function& function) {
  return (call_if_named<Ts>(name, function) || ...);
}

}  // namespace detail

// Calls function.operator()<T>() for every T of the list, in order.
template <class List, class Function>
constexpr void for_each_type(Function&& function) {
  detail::for_each_type(List{}, function);
}

// Calls function.operator()<T>() for the first T whose kName is `name`; false when there is none.
template <class List, class Function>
constexpr bool with_type_named(std::string_view name, Function&& function) {
  return detail::with_type_named(List{}, name, function);
}

}  // namespace violet
