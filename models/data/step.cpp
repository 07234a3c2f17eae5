// The fused training step: forward, backward and update of one network at a time, many steps at a call.
//
// One compilation serves every depth, width, activation, optimiser, batch size and number of networks: all of
// them are arguments. Samples come last and are worked on in blocks that stay in registers and first-level cache:
// of a batch only one block's activations ever exist. A network touches nothing of another one, so that its
// numbers are the same, bit by bit, whatever trains beside it and however the networks are shared out to threads.
//
// Plain C++17 with the vector extensions of GCC and Clang; no libraries. Sums run lane by lane in a fixed order;
// nothing is compiled with relaxed arithmetic, for a network that diverges has to say so by NaN.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

// Loops of fixed length are laid out at once: else GCC keeps what they sum in memory, at half the speed.
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define INLINE inline __attribute__((always_inline))

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
constexpr int VECTORS = 4;               // of samples that are in flight at once: they hide the multiply-adds' latency
constexpr int BLOCK = VECTORS * LANES;   // samples of a block, and the row length of every buffer
constexpr int64_t TILE = 64 * 1024;      // floats of batches that all networks go through before the next ones:
                                         // 256 KiB, a part of any second-level cache

typedef float Vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t Int __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE Vec load(const float *at) { return *reinterpret_cast<const Vec *>(at); }
INLINE void store(float *at, Vec v) { *reinterpret_cast<Vec *>(at) = v; }
INLINE Vec all(float v) { return Vec{} + v; }

// The sum over lanes, by halves.
template <int N>
INLINE float total(const float *at) {
    typedef float Half __attribute__((vector_size(N * 2), aligned(4), may_alias));
    const Half sum = *reinterpret_cast<const Half *>(at) + *reinterpret_cast<const Half *>(at + N / 2);
    alignas(64) float kept[N / 2];
    std::memcpy(kept, &sum, sizeof kept);
    return total<N / 2>(kept);
}
template <>
INLINE float total<2>(const float *at) { return at[0] + at[1]; }

// Memory that no vector straddles a cache line of.
struct alignas(64) Line { float values[16]; };
struct Floats {
    std::vector<Line> lines;
    explicit Floats(int64_t n = 0) : lines((n + 15) / 16) {}
    float *data() { return lines.empty() ? nullptr : lines[0].values; }
};

// exp, by Cephes' expf: two units in the last place
INLINE Vec exponential(Vec x) {
    x = x < -87.0f ? all(-87.0f) : x;
    x = x > 88.0f ? all(88.0f) : x;
    const Vec shift = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    const Vec n = (x * 1.44269504088896341f + shift) - shift;
    const Vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    Vec p = all(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const Int power = (__builtin_convertvector(n, Int) + 127) << 23;
    const Vec value = p * (Vec)power;
    return x == x ? value : x;
}

// tanh, by Cephes' tanhf
INLINE Vec hyperbolic_tangent(Vec x) {
    const Vec size = x < 0.0f ? -x : x;
    const Vec far = 1.0f - 2.0f / (exponential(size * 2.0f) + 1.0f);
    const Vec z = x * x;
    Vec p = all(-5.70498872745e-3f);
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const Vec near = p * z * x + x;
    return size < 0.625f ? near : (x < 0.0f ? -far : far);
}

// erf, by Abramowitz and Stegun 7.1.26: to 1.5e-7
INLINE Vec error_function(Vec x) {
    const Vec size = x < 0.0f ? -x : x;
    const Vec t = 1.0f / (size * 0.3275911f + 1.0f);
    Vec p = all(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const Vec value = 1.0f - p * t * exponential(-size * size);
    return x < 0.0f ? -value : value;
}

enum Activation : int64_t { IDENTITY, RELU, LEAKY, TANH, GELU, GELU_TANH };

// f(z) in place of z, and f'(z) where the backward pass cannot have it from f(z) alone
template <int64_t KIND>
INLINE Vec activate(Vec z, float slope, float *derivative) {
    if (KIND == LEAKY) {
        store(derivative, z > 0.0f ? all(1.0f) : all(slope));
        return z > 0.0f ? z : z * slope;
    }
    if (KIND == TANH) {
        const Vec a = hyperbolic_tangent(z);
        store(derivative, 1.0f - a * a);
        return a;
    }
    if (KIND == GELU) {
        const Vec share = (error_function(z * 0.70710678118654752f) + 1.0f) * 0.5f;
        store(derivative, share + z * exponential(z * z * -0.5f) * 0.39894228040143268f);
        return z * share;
    }
    if (KIND == GELU_TANH) {
        const Vec t = hyperbolic_tangent((z + z * z * z * 0.044715f) * 0.79788456080286536f);
        const Vec inner = (z * z * 0.134145f + 1.0f) * 0.79788456080286536f;
        store(derivative, (t + 1.0f) * 0.5f + z * 0.5f * (1.0f - t * t) * inner);
        return z * 0.5f * (t + 1.0f);
    }
    return z;
}

// What a product does with its sums before it stores them: nothing, relu, or relu's derivative at stored values.
enum Then { KEEP, RECTIFY, GATE };

// out[o] = bias[o] + sum_i w(o, i) in[i] for UNITS rows of a block at once; w(o, i) = w[o * along_o + i * along_i]
template <int NV, Then THEN, int UNITS>
INLINE void product_rows(const float *w, int64_t along_o, int64_t along_i, const float *bias, const float *in,
                         int64_t row, int64_t inputs, const float *gate, float *out) {
    Vec sum[UNITS][NV];
    UNROLL
    for (int u = 0; u < UNITS; ++u) {
        const Vec start = bias ? all(bias[u]) : Vec{};
        UNROLL
        for (int v = 0; v < NV; ++v) sum[u][v] = start;
    }
    for (int64_t i = 0; i < inputs; ++i) {
        Vec a[NV];
        UNROLL
        for (int v = 0; v < NV; ++v) a[v] = load(in + i * row + v * LANES);
        UNROLL
        for (int u = 0; u < UNITS; ++u) {
            const Vec weight = all(w[u * along_o + i * along_i]);
            UNROLL
            for (int v = 0; v < NV; ++v) sum[u][v] += weight * a[v];
        }
    }
    UNROLL
    for (int u = 0; u < UNITS; ++u) {
        UNROLL
        for (int v = 0; v < NV; ++v) {
            const int64_t at = u * BLOCK + v * LANES;
            Vec value = sum[u][v];
            if (THEN == RECTIFY) value = value <= 0.0f ? Vec{} : value;  // NaN stays NaN
            if (THEN == GATE) value = load(gate + at) <= 0.0f ? Vec{} : value;
            store(out + at, value);
        }
    }
}

template <int NV, Then THEN>
INLINE void product(const float *w, int64_t along_o, int64_t along_i, const float *bias, const float *in, int64_t row,
                    int64_t inputs, const float *gate, float *out, int64_t outputs) {
    for (int64_t o = 0; o < outputs; o += 4) {
        const float *here = w + o * along_o, *shift = bias ? bias + o : nullptr, *mask = gate + o * BLOCK;
        float *to = out + o * BLOCK;
        switch (outputs - o) {
            case 1: product_rows<NV, THEN, 1>(here, along_o, along_i, shift, in, row, inputs, mask, to); break;
            case 2: product_rows<NV, THEN, 2>(here, along_o, along_i, shift, in, row, inputs, mask, to); break;
            case 3: product_rows<NV, THEN, 3>(here, along_o, along_i, shift, in, row, inputs, mask, to); break;
            default: product_rows<NV, THEN, 4>(here, along_o, along_i, shift, in, row, inputs, mask, to);
        }
    }
}

// sums[u][i] += sum over the block of r[u] in[i], for UNITS times INPUTS of them at once
template <int NV, int UNITS, int INPUTS>
INLINE void outer_tile(const float *r, const float *in, int64_t row, float *sums, int64_t width) {
    Vec sum[UNITS][INPUTS];
    UNROLL
    for (int v = 0; v < NV; ++v) {
        Vec a[INPUTS];
        UNROLL
        for (int i = 0; i < INPUTS; ++i) a[i] = load(in + i * row + v * LANES);
        UNROLL
        for (int u = 0; u < UNITS; ++u) {
            const Vec error = load(r + u * BLOCK + v * LANES);
            UNROLL
            for (int i = 0; i < INPUTS; ++i) sum[u][i] = v ? sum[u][i] + error * a[i] : error * a[i];
        }
    }
    UNROLL
    for (int u = 0; u < UNITS; ++u)
        UNROLL
        for (int i = 0; i < INPUTS; ++i) {
            float *at = sums + (u * width + i) * LANES;
            store(at, load(at) + sum[u][i]);
        }
}

template <int NV, int UNITS>
INLINE void outer_rows(const float *r, const float *in, int64_t row, float *sums, int64_t width) {
    for (int64_t i = 0; i < width; i += 4) {
        const float *here = in + i * row;
        float *to = sums + i * LANES;
        switch (width - i) {
            case 1: outer_tile<NV, UNITS, 1>(r, here, row, to, width); break;
            case 2: outer_tile<NV, UNITS, 2>(r, here, row, to, width); break;
            case 3: outer_tile<NV, UNITS, 3>(r, here, row, to, width); break;
            default: outer_tile<NV, UNITS, 4>(r, here, row, to, width);
        }
    }
}

template <int NV>
INLINE void outer(const float *r, const float *in, int64_t row, float *sums, int64_t width, int64_t outputs) {
    for (int64_t o = 0; o < outputs; o += 4) {
        const float *here = r + o * BLOCK;
        float *to = sums + o * width * LANES;
        switch (outputs - o) {
            case 1: outer_rows<NV, 1>(here, in, row, to, width); break;
            case 2: outer_rows<NV, 2>(here, in, row, to, width); break;
            case 3: outer_rows<NV, 3>(here, in, row, to, width); break;
            default: outer_rows<NV, 4>(here, in, row, to, width);
        }
    }
}

template <int NV, int64_t KIND>
void activate_rows(float *z, float *derivative, int64_t units, float slope) {
    for (int64_t u = 0; u < units; ++u)
        UNROLL
        for (int v = 0; v < NV; ++v) {
            const int64_t at = u * BLOCK + v * LANES;
            store(z + at, activate<KIND>(load(z + at), slope, derivative + at));
        }
}

template <int NV>
INLINE void activate_layer(int64_t kind, float slope, float *z, float *derivative, int64_t units) {
    switch (kind) {
        case LEAKY: return activate_rows<NV, LEAKY>(z, derivative, units, slope);
        case TANH: return activate_rows<NV, TANH>(z, derivative, units, slope);
        case GELU: return activate_rows<NV, GELU>(z, derivative, units, slope);
        case GELU_TANH: return activate_rows<NV, GELU_TANH>(z, derivative, units, slope);
        default: return;
    }
}

// One hidden ReLU layer of up to four units and inputs, and one output, the smallest networks of all: everything in
// registers, twice as fast as the passes above. Adds a batch's gradients and squared error to the sums.
template <int D, int H, bool BIAS>
void narrow(const float *parameters, const float *x, int64_t x_row, const float *y, int64_t samples, float *sums) {
    constexpr int OUT = H * D + (BIAS ? H : 0), SIZE = OUT + H + (BIAS ? 1 : 0);
    const float *w = parameters, *bias = parameters + H * D, *v = parameters + OUT;
    Vec dw[H][D] = {}, db[H] = {}, dv[H] = {}, dc = {}, error = {};
    for (int64_t s = 0; s < samples; s += LANES) {
        const int64_t valid = samples - s;
        Vec in[D], target = {};
        if (valid >= LANES) {
            UNROLL
            for (int i = 0; i < D; ++i) in[i] = load(x + i * x_row + s);
            target = load(y + s);
        } else {
            for (int i = 0; i < D; ++i)
                for (int k = 0; k < LANES; ++k) in[i][k] = k < valid ? x[i * x_row + s + k] : 0.0f;
            for (int k = 0; k < valid; ++k) target[k] = y[s + k];
        }
        Vec hidden[H], r = (BIAS ? all(v[H]) : Vec{}) - target;
        UNROLL
        for (int h = 0; h < H; ++h) {
            Vec z = BIAS ? all(bias[h]) : Vec{};
            UNROLL
            for (int i = 0; i < D; ++i) z += in[i] * w[h * D + i];
            hidden[h] = z <= 0.0f ? Vec{} : z;  // NaN stays NaN
            r += hidden[h] * v[h];
        }
        if (valid < LANES)
            for (int64_t k = valid; k < LANES; ++k) r[k] = 0.0f;
        error += r * r;
        if (BIAS) dc += r;
        UNROLL
        for (int h = 0; h < H; ++h) {
            dv[h] += r * hidden[h];
            const Vec g = hidden[h] <= 0.0f ? Vec{} : r * v[h];
            if (BIAS) db[h] += g;
            UNROLL
            for (int i = 0; i < D; ++i) dw[h][i] += g * in[i];
        }
    }
    UNROLL
    for (int h = 0; h < H; ++h) {
        UNROLL
        for (int i = 0; i < D; ++i) store(sums + (h * D + i) * LANES, dw[h][i]);
        if (BIAS) store(sums + (H * D + h) * LANES, db[h]);
        store(sums + (OUT + h) * LANES, dv[h]);
    }
    if (BIAS) store(sums + (OUT + H) * LANES, dc);
    store(sums + SIZE * LANES, error);
}

typedef void (*Narrow)(const float *, const float *, int64_t, const float *, int64_t, float *);

template <int D, int H>
Narrow narrow_of(bool bias) { return bias ? narrow<D, H, true> : narrow<D, H, false>; }

template <int D>
Narrow narrow_of(int64_t hidden, bool bias) {
    switch (hidden) {
        case 1: return narrow_of<D, 1>(bias);
        case 2: return narrow_of<D, 2>(bias);
        case 3: return narrow_of<D, 3>(bias);
        case 4: return narrow_of<D, 4>(bias);
        default: return nullptr;
    }
}

Narrow narrow_of(int64_t inputs, int64_t hidden, bool bias) {
    switch (inputs) {
        case 1: return narrow_of<1>(hidden, bias);
        case 2: return narrow_of<2>(hidden, bias);
        case 3: return narrow_of<3>(hidden, bias);
        case 4: return narrow_of<4>(hidden, bias);
        default: return nullptr;
    }
}

}  // namespace

// What Python fills in (models/fitting/compiled_step.py, class KernelCall); all integers are 64 bits, all strides count floats.
extern "C" struct KernelCall {
    int64_t layers;             // linear layers
    const int64_t *sizes;       // [layers + 1]
    const int64_t *biased;      // [layers]
    const int64_t *activation;  // [layers], that behind the read-out is IDENTITY
    const float *slope;         // [layers], of LEAKY
    int64_t size;               // parameters of one network
    int64_t nets, steps, samples;
    float *parameters;  // [nets, size]: weight, then bias, layer by layer
    float *first;       // [nets, size]: momentum or Adam's mean; null where there is none
    float *second;      // [nets, size]: Adam's square; null where there is none
    const float *x;     // inputs; samples lie side by side
    int64_t x_step, x_net, x_unit;
    const float *y;  // targets
    int64_t y_step, y_net, y_unit;
    const float *noise;  // [steps, nets, size], added to the gradients; null where there is none
    const float *jitter; // [steps, nets, size], added to the parameters after an update; null where there is none
    const float *rates;  // [steps, 4]: rate, coupled decay, factor of decoupled decay, Adam's scale of the square
    float momentum, beta1, beta2, epsilon;
    float *losses;  // [steps, nets], before each update
};

namespace {

// One thread's memory, and the step of one network on one batch.
struct Worker {
    const KernelCall &job;
    std::vector<int64_t> weight_at, bias_at;                   // of each layer within a network's parameters
    std::vector<Floats> values, derivatives;                   // [layer][unit, BLOCK]
    Floats one, other, inputs, targets, sums;                  // sums: [parameter and loss, LANES]
    std::vector<float> gradient;
    Narrow small = nullptr;  // the pass for the smallest networks, where this is one of them

    explicit Worker(const KernelCall &given) : job(given) {
        int64_t at = 0, widest = 1;
        for (int64_t l = 0; l <= job.layers; ++l) widest = std::max(widest, job.sizes[l]);
        for (int64_t l = 0; l < job.layers; ++l) {
            weight_at.push_back(at);
            at += job.sizes[l] * job.sizes[l + 1];
            bias_at.push_back(at);
            at += job.biased[l] ? job.sizes[l + 1] : 0;
            values.emplace_back(job.sizes[l + 1] * BLOCK);
            const bool kept = job.activation[l] != IDENTITY && job.activation[l] != RELU;
            derivatives.emplace_back(kept ? job.sizes[l + 1] * BLOCK : BLOCK);
        }
        one = Floats(widest * BLOCK);
        other = Floats(widest * BLOCK);
        inputs = Floats(job.sizes[0] * BLOCK);
        targets = Floats(job.sizes[job.layers] * BLOCK);
        sums = Floats((job.size + 1) * LANES);
        gradient.resize(job.size);
        if (job.layers == 2 && job.sizes[2] == 1 && job.activation[0] == RELU && !job.biased[0] == !job.biased[1])
            small = narrow_of(job.sizes[0], job.sizes[1], job.biased[0]);
    }

    // Adds a block's gradients and squared error to the sums; of the samples only the first `valid` count.
    template <int NV>
    void block(const float *parameters, const float *x, int64_t x_row, const float *y, int64_t y_row, int64_t valid) {
        const int64_t layers = job.layers;
        const float *in = x;
        int64_t row = x_row;
        for (int64_t l = 0; l < layers; ++l) {
            float *out = values[l].data();
            const float *w = parameters + weight_at[l], *bias = job.biased[l] ? parameters + bias_at[l] : nullptr;
            const int64_t inputs = job.sizes[l], outputs = job.sizes[l + 1], kind = job.activation[l];
            if (kind == RELU) {
                product<NV, RECTIFY>(w, inputs, 1, bias, in, row, inputs, out, out, outputs);
            } else {
                product<NV, KEEP>(w, inputs, 1, bias, in, row, inputs, out, out, outputs);
                activate_layer<NV>(kind, job.slope[l], out, derivatives[l].data(), outputs);
            }
            in = out;
            row = BLOCK;
        }
        float *g = one.data(), *next = other.data();
        Vec error = load(sums.data() + job.size * LANES);
        for (int64_t o = 0; o < job.sizes[layers]; ++o)
            UNROLL
            for (int v = 0; v < NV; ++v) {
                const int64_t at = o * BLOCK + v * LANES;
                Vec r = load(in + at) - load(y + o * y_row + v * LANES);
                if (NV == 1 && valid < LANES)
                    for (int64_t k = valid; k < LANES; ++k) r[k] = 0.0f;
                error += r * r;
                store(g + at, r);
            }
        store(sums.data() + job.size * LANES, error);

        for (int64_t l = layers - 1; l >= 0; --l) {
            const int64_t width = job.sizes[l];
            in = l ? values[l - 1].data() : x;
            row = l ? BLOCK : x_row;
            outer<NV>(g, in, row, sums.data() + weight_at[l] * LANES, width, job.sizes[l + 1]);
            for (int64_t o = 0; job.biased[l] && o < job.sizes[l + 1]; ++o) {
                float *own = sums.data() + (bias_at[l] + o) * LANES;
                Vec s = load(g + o * BLOCK);
                UNROLL
                for (int v = 1; v < NV; ++v) s += load(g + o * BLOCK + v * LANES);
                store(own, load(own) + s);
            }
            if (!l) break;
            const float *w = parameters + weight_at[l];
            const int64_t kind = job.activation[l - 1], outputs = job.sizes[l + 1];
            if (kind == RELU) {
                product<NV, GATE>(w, 1, width, nullptr, g, BLOCK, outputs, values[l - 1].data(), next, width);
            } else {
                product<NV, KEEP>(w, 1, width, nullptr, g, BLOCK, outputs, next, next, width);
                const float *d = derivatives[l - 1].data();
                for (int64_t at = 0; kind != IDENTITY && at < width * BLOCK; at += BLOCK)
                    for (int v = 0; v < NV; ++v) {
                        float *here = next + at + v * LANES;
                        store(here, load(here) * load(d + at + v * LANES));
                    }
            }
            std::swap(g, next);
        }
    }

    // Leaves the gradient, and returns the loss: the mean squared error over samples and outputs.
    float batch(const float *parameters, const float *x, const float *y) {
        if (small)
            small(parameters, x, job.x_unit, y, job.samples, sums.data());
        else
            passes(parameters, x, y);
        const float count = float(job.samples) * float(job.sizes[job.layers]);
        const float scale = 2.0f / count;
        for (int64_t p = 0; p < job.size; ++p) gradient[p] = total<LANES>(sums.data() + p * LANES) * scale;
        return total<LANES>(sums.data() + job.size * LANES) / count;
    }

    // The sums of all blocks of a batch.
    void passes(const float *parameters, const float *x, const float *y) {
        std::fill(sums.data(), sums.data() + (job.size + 1) * LANES, 0.0f);
        int64_t s = 0;
        for (; s + BLOCK <= job.samples; s += BLOCK) block<VECTORS>(parameters, x + s, job.x_unit, y + s, job.y_unit, BLOCK);
        for (; s + LANES <= job.samples; s += LANES) block<1>(parameters, x + s, job.x_unit, y + s, job.y_unit, LANES);
        if (s < job.samples) {  // the last lanes repeat nothing and count for nothing
            const int64_t valid = job.samples - s;
            copy(inputs.data(), x + s, job.x_unit, job.sizes[0], valid);
            copy(targets.data(), y + s, job.y_unit, job.sizes[job.layers], valid);
            block<1>(parameters, inputs.data(), BLOCK, targets.data(), BLOCK, valid);
        }
    }

    static void copy(float *into, const float *from, int64_t row, int64_t units, int64_t valid) {
        for (int64_t u = 0; u < units; ++u)
            for (int64_t k = 0; k < LANES; ++k) into[u * BLOCK + k] = k < valid ? from[u * row + k] : 0.0f;
    }

    // SGD, Adam and AdamW as torch.optim has them; `Optimiser` in models/training.py is the same in torch.
    void update(float *p, float *first, float *second, const float *noise, const float *jitter, const float *rates) {
        const float rate = rates[0], decay = rates[1], shrink = rates[2], scale = rates[3];
        for (int64_t k = 0; k < job.size; ++k) {
            float g = gradient[k];
            if (noise) g += noise[k];
            p[k] *= shrink;
            g += decay * p[k];
            if (second) {
                first[k] += (1.0f - job.beta1) * (g - first[k]);
                second[k] = job.beta2 * second[k] + (1.0f - job.beta2) * g * g;
                p[k] -= rate * first[k] / (std::sqrt(second[k]) / scale + job.epsilon);
            } else {
                if (first) g = first[k] = job.momentum * first[k] + g;
                p[k] -= rate * g;
            }
            if (jitter) p[k] += jitter[k];
        }
    }
};

}  // namespace

// Trains networks `begin` to `end`, so that threads can share them out.
extern "C" void mathcircuits_train(const KernelCall *given, int64_t begin, int64_t end) {
    const KernelCall &job = *given;
    Worker worker(job);
    const int64_t floats = job.samples * (job.sizes[0] + job.sizes[job.layers]);
    const int64_t tile = std::max<int64_t>(1, TILE / std::max<int64_t>(1, floats));
    for (int64_t from = 0; from < job.steps; from += tile) {
        const int64_t to = std::min(job.steps, from + tile);
        for (int64_t net = begin; net < end; ++net) {
            const int64_t own = net * job.size;
            float *first = job.first ? job.first + own : nullptr, *second = job.second ? job.second + own : nullptr;
            for (int64_t step = from; step < to; ++step) {
                job.losses[step * job.nets + net] =
                    worker.batch(job.parameters + own, job.x + step * job.x_step + net * job.x_net,
                                 job.y + step * job.y_step + net * job.y_net);
                const int64_t at = (step * job.nets + net) * job.size;
                const float *noise = job.noise ? job.noise + at : nullptr;
                const float *jitter = job.jitter ? job.jitter + at : nullptr;
                worker.update(job.parameters + own, first, second, noise, jitter, job.rates + 4 * step);
            }
        }
    }
}

// Losses and gradients without an update: losses [nets], gradients [nets, size] in place of `first`.
extern "C" void mathcircuits_gradient(const KernelCall *given, int64_t begin, int64_t end) {
    const KernelCall &job = *given;
    Worker worker(job);
    for (int64_t net = begin; net < end; ++net) {
        job.losses[net] = worker.batch(job.parameters + net * job.size, job.x + net * job.x_net, job.y + net * job.y_net);
        std::copy(worker.gradient.begin(), worker.gradient.end(), job.first + net * job.size);
    }
}

// Uniform numbers of many generators, what `torch.rand` gives in single precision, scaled and sorted by value.
extern "C" struct DrawCall {
    uint32_t *states;        // [nets, 624], of Mersenne Twisters; left as torch would leave them
    int64_t *used;           // [nets], numbers of each state that are read
    int64_t nets, batches, samples, values;
    const float *width, *low;  // [values]
    float *out;              // [values, batches, nets, samples]
};

namespace {

constexpr int64_t WORDS = 624, AHEAD = 397;  // MT19937's state, and its lag (Matsumoto & Nishimura 1998)
typedef uint32_t Word __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

template <typename T>
INLINE T twisted(T here, T next, T ahead) {
    const T mixed = (here & 0x80000000u) | (next & 0x7fffffffu);
    return ahead ^ (mixed >> 1) ^ ((T{} - (next & 1u)) & 0x9908b0dfu);
}

INLINE Word words(const uint32_t *at) { return *reinterpret_cast<const Word *>(at); }

// The next state, in place: each word is made of itself, the next, and one `offset` on, which lies LANES apart or more.
INLINE int64_t twist_run(uint32_t *s, int64_t from, int64_t to, int64_t offset) {
    for (; from + LANES <= to; from += LANES) {
        const Word made = twisted(words(s + from), words(s + from + 1), words(s + from + offset));
        *reinterpret_cast<Word *>(s + from) = made;
    }
    for (; from < to; ++from) s[from] = twisted(s[from], s[from + 1], s[from + offset]);
    return from;
}

void twist(uint32_t *s) {
    const int64_t half = twist_run(s, 0, WORDS - AHEAD, AHEAD);
    twist_run(s, half, WORDS - 1, AHEAD - WORDS);
    s[WORDS - 1] = twisted(s[WORDS - 1], s[0], s[AHEAD - 1]);
}

// The 24 lowest bits of a number, as a share of 2^24.
template <typename T>
INLINE T tempered(T y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    y ^= y >> 18;
    return y & 0xffffffu;
}

void shares(const uint32_t *from, float *to, int64_t count) {
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES)
        store(to + k, __builtin_convertvector((Int)tempered(words(from + k)), Vec) * 5.9604644775390625e-8f);
    for (; k < count; ++k) to[k] = float(int32_t(tempered(from[k]))) * 5.9604644775390625e-8f;
}

// Apart from the sum, so that no compiler makes one rounding of the two.
__attribute__((noinline)) void scale(const float *from, int64_t stride, float width, float *to, int64_t count) {
    if (stride == 2) {
        typedef uint64_t Pairs __attribute__((vector_size(LANES * 8), aligned(4), may_alias));
        int64_t k = 0;
        for (; k + LANES <= count; k += LANES) {
            const Pairs both = *reinterpret_cast<const Pairs *>(from + 2 * k);
            store(to + k, (Vec)__builtin_convertvector(both, Word) * width);
        }
        for (; k < count; ++k) to[k] = from[2 * k] * width;
        return;
    }
    for (int64_t k = 0; k < count; ++k) to[k] = from[k * stride] * width;
}

__attribute__((noinline)) void shift(float *row, float low, int64_t count) {
    int64_t k = 0;
    for (; k + LANES <= count; k += LANES) store(row + k, load(row + k) + low);
    for (; k < count; ++k) row[k] += low;
}

}  // namespace

// Draws for networks `begin` to `end`.
extern "C" void mathcircuits_uniform(const DrawCall *given, int64_t begin, int64_t end) {
    const DrawCall &job = *given;
    const int64_t wanted = job.samples * job.values;
    Floats drawn(wanted + LANES);  // a vector of pairs may begin at the last but one
    for (int64_t net = begin; net < end; ++net) {
        uint32_t *state = job.states + net * WORDS;
        int64_t used = job.used[net];
        for (int64_t batch = 0; batch < job.batches; ++batch) {
            for (int64_t have = 0; have < wanted;) {
                if (used == WORDS) {
                    twist(state);
                    used = 0;
                }
                const int64_t count = std::min(WORDS - used, wanted - have);
                shares(state + used, drawn.data() + have, count);
                used += count;
                have += count;
            }
            for (int64_t value = 0; value < job.values; ++value) {
                float *row = job.out + ((value * job.batches + batch) * job.nets + net) * job.samples;
                scale(drawn.data() + value, job.values, job.width[value], row, job.samples);
                shift(row, job.low[value], job.samples);
            }
        }
        job.used[net] = used;
    }
}
