"""What ATen operations do, by their names: which move values, which are activations, and so on."""

from __future__ import annotations

VIEWS = frozenset(
    """
    alias contiguous detach diagonal expand expand_as flatten movedim moveaxis narrow numpy_T permute
    ravel reshape reshape_as select slice split split_with_sizes chunk squeeze swapaxes swapdims t
    tensor_split transpose unbind unflatten unsqueeze unsafe_chunk unsafe_split view view_as unfold
    broadcast_to _reshape_alias _unsafe_view
    """.split()
)
"""They may share memory with what they are given."""

MOVES = VIEWS | frozenset(
    """
    adaptive_max_pool1d adaptive_max_pool2d amax broadcast_tensors cat channel_shuffle col2im
    concat concatenate constant_pad_nd copy flip fliplr flipud gather grid_sampler grid_sampler_2d
    hstack im2col index index_select max max_pool1d max_pool2d maximum pad pixel_shuffle
    pixel_unshuffle reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d
    replication_pad2d roll rot90 select_scatter slice_scatter stack take tile tril triu
    upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d
    vstack where _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact2d
    operator.getitem
    """.split()
)
"""They move, repeat or choose values, or take fixed means of neighbours."""

AVERAGES = frozenset(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d mean sum
    _adaptive_avg_pool2d _adaptive_avg_pool3d
    """.split()
)

SUMS = frozenset("add sub subtract rsub".split())

PRODUCTS = frozenset("mul multiply div divide true_divide".split())

MATRICES = frozenset("addmm baddbmm bmm matmul mm mv".split())
"""Products of matrices; linear where one of them is constant."""

KERNELS = frozenset(
    """
    addcmul batch_norm conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    convolution linear neg negative
    """.split()
)
"""Operations with weights, linear in their input."""

RELUS = frozenset("relu relu6".split())

ACTIVATIONS = RELUS | frozenset(
    """
    celu clamp clamp_max clamp_min elu erf gelu hardshrink hardsigmoid hardswish hardtanh leaky_relu
    log_sigmoid mish prelu selu sigmoid silu softplus softshrink tanh threshold _prelu_kernel
    """.split()
)
"""Functions of each value by itself."""

NORMS = frozenset("group_norm instance_norm layer_norm rms_norm".split())

SOFTMAX = frozenset("softmax _softmax _safe_softmax".split())

ATTENTION = "scaled_dot_product_attention"

GATES = (
    SOFTMAX
    | frozenset(
        """
        clamp hardsigmoid hardtanh linalg_norm linalg_vector_norm norm reciprocal rsqrt sigmoid sqrt
        std tanh var
        """.split()
    )
    | RELUS - frozenset({"relu"})
)
"""What a factor is made by that only weighs or scales the other: it counts as constant."""

NEVER_NEGATIVE = RELUS | SOFTMAX | frozenset("hardsigmoid sigmoid softplus".split())

NOT_FEATURES = MOVES | AVERAGES | frozenset({"softmax", "_softmax", "sym_size"})
"""Operations whose values are not those of a layer of features."""
