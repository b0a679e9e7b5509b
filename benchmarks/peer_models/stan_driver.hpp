// What is appended to the C++ of a Stan model, so that Python can time and sample it: a C interface without globals.
#include <stan/callbacks/interrupt.hpp>
#include <stan/callbacks/logger.hpp>
#include <stan/callbacks/structured_writer.hpp>
#include <stan/callbacks/writer.hpp>
#include <stan/io/array_var_context.hpp>
#include <stan/io/empty_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stan/model/log_prob_grad.hpp>
#include <stan/services/sample/hmc_nuts_diag_e_adapt.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>

namespace {

// Keeps each row (statistics of the sampler, then constrained parameters) in memory that the caller owns.
struct Rows : stan::callbacks::writer {
  double* out;
  long width, left;
  Rows(double* out, long width, long rows) : out(out), width(width), left(rows) {}
  using stan::callbacks::writer::operator();
  void operator()(const std::vector<double>& state) override {
    if (left-- <= 0 || static_cast<long>(state.size()) != width) return;
    std::copy(state.begin(), state.end(), out);
    out += width;
  }
};

struct Complaints : stan::callbacks::logger {
  void error(const std::string& message) override { std::cerr << message << "\n"; }
  void fatal(const std::string& message) override { std::cerr << message << "\n"; }
};

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += name + "\n";
  return all;
}

}  // namespace

extern "C" {

// The model with its data, from a file of JSON; null if that fails.
void* make(const char* path) {
  try {
    std::ifstream file(path);
    stan::json::json_data data(file);
    return new stan_model(data, 1, &std::cerr);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return nullptr;
  }
}

long dimension(void* model) { return static_cast<stan_model*>(model)->num_params_r(); }

// Writes the names of what a draw holds, a line each, and returns how many characters that takes.
long names(void* model, char* out, long room) {
  std::vector<std::string> found;
  static_cast<stan_model*>(model)->constrained_param_names(found, true, true);
  std::string all = joined(found);
  if (static_cast<long>(all.size()) < room) std::strcpy(out, all.c_str());
  return all.size();
}

// Evaluates log density and gradient `turns` times, each time at another point; returns the last.
double repeat(void* model, double* x, double* gradient, long turns) {
  auto& density = *static_cast<stan_model*>(model);
  Eigen::VectorXd at = Eigen::Map<Eigen::VectorXd>(x, density.num_params_r()), slope;
  double found = 0, start = at.size() ? at[0] : 0;
  for (long turn = 0; turn < turns; ++turn) {
    at[0] = start + 1e-9 * turn;
    found = stan::model::log_prob_grad<true, true>(density, at, slope, nullptr);
  }
  std::copy(slope.data(), slope.data() + slope.size(), gradient);
  return found;
}

// One chain with Stan's defaults: rows of 7 statistics and a draw, those of the warm-up first. Returns Stan's code.
int sample(void* model, int seed, int chain, int warmup, int draws, double* rows, long width) {
  stan::math::ChainableStack thread_has_its_own;    // of the tape that gradients are taken from
  auto& density = *static_cast<stan_model*>(model);
  stan::callbacks::interrupt interrupt;
  Complaints logger;
  stan::callbacks::writer nothing;
  stan::callbacks::structured_writer no_metric;
  Rows writer(rows, width, warmup + draws);
  stan::io::empty_var_context start;
  size_t n = density.num_params_r();
  std::vector<std::string> name{"inv_metric"};
  std::vector<double> ones(n, 1.0);
  std::vector<std::vector<size_t>> shape{{n}};
  stan::io::array_var_context metric(name, ones, shape);
  return stan::services::sample::hmc_nuts_diag_e_adapt(
      density, start, metric, seed, chain, 2.0, warmup, draws, 1, true, 0, 1.0, 0.0, 10, 0.8, 0.05, 0.75, 10.0, 75,
      50, 25, interrupt, logger, nothing, writer, nothing, no_metric);
}

}  // extern "C"
