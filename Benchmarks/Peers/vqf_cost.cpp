// Runs VQF (Laidig and Seel) over samples that `vrbridge-bench filter-input` wrote: COUNT updates; prints nanoseconds
// per update when it is asked to time (FILE COUNT ROUNDS).
#include "vqf.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    FILE *file = std::fopen(argv[1], "rb");
    if (file == nullptr) return 2;
    std::vector<double> samples;
    double row[9];
    while (std::fread(row, sizeof(double), 9, file) == 9) samples.insert(samples.end(), row, row + 9);
    std::fclose(file);
    const size_t count = std::strtoul(argv[2], nullptr, 10);
    const int rounds = std::atoi(argv[3]);
    double best = 1e30;
    double sum = 0;
    for (int round = 0; round < rounds; round++) {
        VQF filter(0.0035);
        const auto start = std::chrono::steady_clock::now();
        for (size_t index = 0; index < count; index++) {
            const double *s = &samples[9 * (index % (samples.size() / 9))];
            filter.update(s, s + 3, s + 6);
        }
        const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
        if (count > 0 && time.count() / count < best) best = time.count() / count;
        double q[4];
        filter.getQuat9D(q);
        sum += q[0];
    }
    std::printf("%.1f %.6f\n", best, sum);
    return 0;
}
