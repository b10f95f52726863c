"""The formulae of the parts of a network, in the notation of `mathml`; four spaces part them."""

from mlpcli.explaining.documents.mathml import HAT

ACTIVATIONS = {
    "identity": "σ(z) = z    σ′(z) = 1",
    "sigmoid": "σ(z) = 1 / (1 + exp(−z))    σ′(z) = σ(z) (1 − σ(z))",
    "tanh": "σ(z) = tanh(z)    σ′(z) = 1 − a²",
    "relu": "σ(z) = max(0, z)    σ′(z) = 1 if z > 0, 0 else",
    "leaky_relu": "σ(z) = max(0.01 z, z)    σ′(z) = 1 if z > 0, 0.01 else",
    "elu": "σ(z) = z if z > 0, exp(z) − 1 else    σ′(z) = 1 if z > 0, a + 1 else",
    "gelu": "σ(z) = z Φ(z)    σ′(z) = Φ(z) + z φ(z)    "
    "Φ(z) = ½ (1 + erf(z / √2))    φ(z) = exp(−z² / 2) / √(2π)",
    "silu": "σ(z) = z q    q = 1 / (1 + exp(−z))    σ′(z) = q + a (1 − q)",
    "softplus": "σ(z) = log(1 + exp(z))    σ′(z) = 1 / (1 + exp(−z))",
}

_MEANS = "m ← β₁ m + (1 − β₁) g    s ← β₂ s + (1 − β₂) g²"
_ADAM = (
    f"{_MEANS}    m{HAT} = m / (1 − β₁ᵗ)    s{HAT} = s / (1 − β₂ᵗ)    "
    f"θ ← θ − η m{HAT} / (√s{HAT} + ε)"
)
_NADAM = (
    f"{_MEANS}    μₜ = β₁ (1 − ½ 0.96^(0.004 t))    πₜ = μ₁ μ₂ … μₜ    "
    f"m{HAT} = μₜ₊₁ m / (1 − πₜ₊₁) + (1 − μₜ) g / (1 − πₜ)    s{HAT} = s / (1 − β₂ᵗ)    "
    f"θ ← θ − η m{HAT} / (√s{HAT} + ε)"
)
OPTIMIZERS = {
    "sgd": "θ ← θ − η g",
    "momentum": "v ← μ v − η g    θ ← θ + v",
    "nesterov": "v ← μ v − η g    θ ← θ + μ v − η g",
    "adagrad": "s ← s + g²    θ ← θ − η g / (√s + ε)",
    "rmsprop": "s ← ρ s + (1 − ρ) g²    θ ← θ − η g / (√s + ε)",
    "adam": _ADAM,
    "adamw": _ADAM,
    "nadam": _NADAM,
}
SETTINGS = {
    "momentum": "μ",
    "decay": "ρ",
    "beta1": "β₁",
    "beta2": "β₂",
    "epsilon": "ε",
    "weight_decay": "λ",
    "l1": "κ",
}
"""What an optimizer's settings are called in its formulae."""
BATCH_NORM = ("μ", "v", "s", "ε", "β₁", "β₂")
"""Symbols of batch normalisation, with the numbers of layers, that an optimizer may have too."""
STATE = {"velocity": "v", "square_sum": "s", "square_mean": "s", "mean": "m"}
"""What the vectors of an optimizer's state are called in them."""
