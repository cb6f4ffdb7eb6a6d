"""What an exported PyTorch program may be made of: operations that compute, and nothing else.

A name belongs here if it turns tensors and numbers into tensors and numbers: it opens no file and
calls nothing. To admit another operation, add its name.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ATEN = _names(
    """
    abs absolute acos acosh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d
    adaptive_max_pool2d add addbmm addcdiv addcmul addmm addmv affine_grid_generator alias
    alpha_dropout amax amin any arange arctan argmax argmin asin asinh atan atan2 atanh avg_pool1d
    avg_pool2d avg_pool3d baddbmm batch_norm bitwise_and bitwise_not bitwise_or bitwise_xor bmm
    broadcast_tensors broadcast_to cat ceil celu channel_shuffle chunk clamp clamp_max clamp_min
    clip clone col2im concat concatenate constant_pad_nd contiguous conv1d conv2d conv3d
    conv_transpose1d conv_transpose2d conv_transpose3d convolution copy cos cosh cumprod cumsum
    deg2rad detach detach_ diagonal div divide dot dropout einsum elu embedding eq equal erf erfc
    exp exp2 expand expand_as expm1 eye feature_alpha_dropout feature_dropout fill flatten flip
    fliplr flipud floor floor_divide fmax fmin fmod frac full full_like gather ge gelu glu
    greater greater_equal grid_sampler grid_sampler_2d group_norm gt hardshrink hardsigmoid
    hardswish hardtanh hstack hypot im2col index index_add index_put index_select instance_norm
    isfinite isinf isnan layer_norm le leaky_relu lerp less less_equal lift lift_fresh
    lift_fresh_copy linalg_norm linalg_vector_norm linear linspace log log10 log1p log2 log_sigmoid
    log_softmax logaddexp logical_and logical_not logical_or logical_xor logsumexp lt masked_fill
    matmul max max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices maximum mean
    median meshgrid min minimum mish mm moveaxis movedim mul multiply mv nan_to_num narrow
    native_batch_norm native_dropout native_group_norm native_layer_norm ne neg negative new_full
    new_ones new_zeros norm not_equal numel numpy_T one_hot ones ones_like outer pad permute
    pixel_shuffle pixel_unshuffle pow prelu prod ravel reciprocal reflection_pad1d reflection_pad2d
    relu relu6 remainder repeat repeat_interleave replication_pad1d replication_pad2d reshape
    reshape_as resolve_conj resolve_neg rms_norm roll rot90 round rrelu rsqrt rsub scalar_tensor
    scaled_dot_product_attention scatter scatter_add select select_scatter selu sgn sigmoid sign
    silu sin sinh slice slice_scatter softmax softplus softshrink sort split split_with_sizes sqrt
    square squeeze stack std std_mean sub subtract sum swapaxes swapdims sym_numel sym_size
    sym_storage_offset sym_stride t take take_along_dim tan tanh tensor_split tensordot threshold
    tile to topk transpose tril triu true_divide trunc type_as unbind unflatten unfold unsafe_chunk
    unsafe_split unsqueeze upsample_bicubic2d upsample_bilinear2d upsample_linear1d
    upsample_nearest1d upsample_nearest2d var var_mean view view_as vstack where xlogy zeros
    zeros_like
    _adaptive_avg_pool2d _adaptive_avg_pool3d _assert_async _assert_tensor_metadata
    _batch_norm_no_update _conv_depthwise2d _convolution _log_softmax _native_batch_norm_legit
    _native_batch_norm_legit_no_training _prelu_kernel _reshape_alias _safe_softmax
    _scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu _softmax
    _to_copy _unsafe_view _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact2d
    """
)
"""Names without overload; each one's version in place (``relu_``) is allowed with it."""

NUMBERS = _names(
    """
    add and_ eq floordiv ge getitem gt index le lt mod mul ne neg not_ or_ pos pow sub truediv
    """
)
"""Functions of Python's ``operator``, for sizes."""

TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
"""Types of numbers by their code in an exported program."""

N_BYTES = {
    **dict.fromkeys(("uint8", "int8", "bool"), 1),
    **dict.fromkeys(("int16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "float32"), 4),
    **dict.fromkeys(("int64", "float64"), 8),
}


def allowed(target: str) -> bool:
    """Whether a program may call this target.

    >>> allowed("torch.ops.aten.relu_.default"), allowed("torch.ops.aten.from_file.default")
    (True, False)
    """
    parts = target.split(".")
    if parts[0] == "_operator":
        return len(parts) == 2 and parts[1] in NUMBERS
    name = parts[3] if len(parts) in (4, 5) else ""
    plain = name in ATEN or (name.endswith("_") and name[:-1] in ATEN)
    return parts[:3] == ["torch", "ops", "aten"] and plain and all(map(str.isidentifier, parts))
