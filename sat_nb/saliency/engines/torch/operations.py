"""What ATen operations do, by their names: which move values, which are activations, and so on."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VIEWS = _names(
    """
    alias contiguous detach diagonal expand expand_as flatten movedim moveaxis narrow numpy_T
    permute ravel reshape reshape_as select slice split split_with_sizes chunk squeeze swapaxes
    swapdims t tensor_split transpose unbind unflatten unsqueeze unsafe_chunk unsafe_split view
    view_as unfold
    broadcast_to _reshape_alias _unsafe_view
    """
)
"""They may share memory with what they are given."""

MOVES = VIEWS | _names(
    """
    adaptive_max_pool1d adaptive_max_pool2d amax broadcast_tensors cat channel_shuffle col2im
    concat concatenate constant_pad_nd copy flip fliplr flipud gather grid_sampler grid_sampler_2d
    hstack im2col index index_select max max_pool1d max_pool2d maximum pad pixel_shuffle
    pixel_unshuffle reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d
    replication_pad2d roll rot90 select_scatter slice_scatter stack take tile tril triu
    upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d
    vstack where _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact2d
    operator.getitem
    """
)
"""They move, repeat or choose values, or take fixed means of neighbours."""

AVERAGES = _names(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d mean sum
    _adaptive_avg_pool2d _adaptive_avg_pool3d
    """
)

SUMS = _names("add sub subtract rsub")

PRODUCTS = _names("mul multiply div divide true_divide")

MATRICES = _names("addmm baddbmm bmm matmul mm mv")
"""Products of matrices; linear where one of them is constant."""

KERNELS = _names(
    """
    addcmul batch_norm conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    convolution linear neg negative
    """
)
"""Operations with weights, linear in their input."""

RELUS = _names("relu relu6")

ACTIVATIONS = RELUS | _names(
    """
    celu clamp clamp_max clamp_min elu erf gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu
    log_sigmoid mish prelu selu sigmoid silu softplus softshrink tanh threshold _prelu_kernel
    """
)
"""Functions of each value by itself."""

NORMS = _names("group_norm instance_norm layer_norm rms_norm")

SOFTMAX = _names("softmax _softmax _safe_softmax")

ATTENTION = "scaled_dot_product_attention"

GATES = SOFTMAX | _names(
    """
    clamp hardsigmoid hardtanh linalg_norm linalg_vector_norm norm reciprocal relu6 rsqrt sigmoid
    sqrt std tanh var
    """
)
"""What a factor is made by that only weighs or scales the other: it counts as constant."""

BOUNDS = _names("clamp hardtanh relu6 tanh")
"""Those of them that are activations of features as well."""

NEVER_NEGATIVE = RELUS | SOFTMAX | _names("hardsigmoid sigmoid softplus")

NOT_FEATURES = MOVES | AVERAGES | SOFTMAX | {"sym_size"}
"""Operations whose values are not those of a layer of features."""
