"""What a model file may name: layers, functions and operations that compute, and nothing else.

A name belongs here if it turns numbers into numbers: it opens no file, prints nothing, and calls no
function that it is given. To admit another layer or operation, add its name.
"""

from __future__ import annotations


def _names(text: str, prefix: str = "") -> frozenset[str]:
    return frozenset(prefix + name for name in text.split())


# --- Keras -------------------------------------------------------------------------------------

MODELS = _names("Functional Model Sequential")

LAYERS = MODELS | _names(
    """
    Input InputLayer InputSpec Activation ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
    Convolution1D Convolution2D Convolution3D
    Convolution1DTranspose Convolution2DTranspose Convolution3DTranspose
    DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D LocallyConnected1D LocallyConnected2D
    Dense EinsumDense Embedding Identity Masking
    LayerScale CustomScaleLayer Custom>CustomScaleLayer
    AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    MaxPooling1D MaxPooling2D MaxPooling3D MaxPool1D MaxPool2D MaxPool3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    BatchNormalization BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization
    GroupNormalization LayerNormalization Normalization UnitNormalization
    Add Average Concatenate Dot Maximum Minimum Multiply Subtract
    add average concatenate dot maximum minimum multiply subtract
    AdditiveAttention Attention MultiHeadAttention
    Cropping1D Cropping2D Cropping3D Flatten Permute RepeatVector Reshape
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    ActivityRegularization AddLoss AddMetric AlphaDropout Dropout GaussianDropout GaussianNoise
    SpatialDropout1D SpatialDropout2D SpatialDropout3D
    CategoryEncoding CenterCrop Discretization RandomBrightness RandomContrast RandomCrop RandomFlip
    RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom Rescaling Resizing
    Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D CuDNNGRU CuDNNLSTM GRU GRUCell GRUCellV1
    GRUCellV2 GRUV1 GRUV2 LSTM LSTMCell LSTMCellV1 LSTMCellV2 LSTMV1 LSTMV2 RNN SimpleRNN
    SimpleRNNCell StackedRNNCells TimeDistributed
    """
)

KERAS_3 = _names(
    """
    RMSNormalization RandomGrayscale RandomHue RandomSaturation RandomSharpness Solarization
    SpectralNormalization
    Abs Absolute AveragePool BatchNorm BroadcastTo Cast Celu Clip Conv
    ConvTranspose DepthToSpace DepthwiseConv Divide DotProductAttention Einsum Elu Equal Exp
    ExpandDims Flip Fliplr Flipud Gelu GetItem Glu Greater GreaterEqual HardShrink HardSigmoid
    HardSilu HardTanh LayerNorm LeakyRelu Less LessEqual Log LogSigmoid LogSoftmax Logsumexp Matmul
    Max MaxPool Mean Min Mod Moments Moveaxis Negative Normalize NotEqual Outer Pad Power Ravel
    Reciprocal Relu Relu6 Repeat RGBToGrayscale RMSNorm Roll Rot90 Round Rsqrt Selu SeparableConv
    Sigmoid Silu Sin Cos Slice SoftShrink Softplus Softsign SpaceToDepth Split Sqrt Square Squeeze
    Stack Std StopGradient Sum Swapaxes Take TakeAlongAxis Tanh TanhShrink Tensordot Threshold Tile
    Transpose Tril Triu TrueDivide Unstack Var Where
    """
)
"""Layers of Keras 3, and functions between layers, which it writes as if they were layers."""

LAYERS |= KERAS_3

OPERATION_LAYERS = _names("SlicingOpLambda TFOpLambda")
"""Layers that call the function of TensorFlow that they name: one of :data:`FUNCTIONS`."""

PARTS = _names(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant glorot_normal
    glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform one ones orthogonal
    ConstantV2 GlorotNormalV2 GlorotUniformV2 HeNormalV2 HeUniformV2 IdentityV2 LecunNormalV2
    LecunUniformV2 OnesV2 OrthogonalV2 RandomNormalV2 RandomUniformV2 TruncatedNormalV2
    VarianceScalingV2 ZerosV2 glorot_normalV2 glorot_uniformV2 he_normalV2 he_uniformV2
    lecun_normalV2 lecun_uniformV2
    normal uniform zero zeros random_normal random_uniform truncated_normal variance_scaling
    L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer
    MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm max_norm min_max_norm non_neg
    radial_constraint unit_norm maxnorm nonneg unitnorm
    Policy PolicyV1 LossScaleOptimizer DynamicLossScale FixedLossScale
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lion Nadam RMSprop SGD
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay
    PolynomialDecay
    BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalHinge CosineSimilarity Hinge Huber KLDivergence LogCosh MeanAbsoluteError
    MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge
    AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy F1Score FBetaScore FalseNegatives
    FalsePositives IoU LogCoshError Mean MeanIoU MeanMetricWrapper MeanRelativeError MeanTensor
    OneHotIoU OneHotMeanIoU Precision PrecisionAtRecall R2Score Recall RecallAtPrecision
    RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy
    SparseTopKCategoricalAccuracy SpecificityAtSensitivity Sum TopKCategoricalAccuracy TrueNegatives
    TruePositives
    """
)
"""Initializers, regularizers, constraints, precision, and what a nested model was trained with."""

VALUES = _names(
    "__bytes__ __ellipsis__ __keras_tensor__ __numpy__ __tensor__ __tuple__ DTypePolicy TensorShape"
)
"""How numbers, tuples and links between layers are written."""

ACTIVATIONS = _names(
    """
    elu exponential gelu hard_sigmoid leaky_relu linear mish relu relu6 selu sigmoid silu softmax
    softplus softsign swish tanh ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU
    """
)

TRAINING_FUNCTIONS = _names(
    """
    binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_hinge cosine_similarity
    hinge huber kl_divergence kullback_leibler_divergence log_cosh mean_absolute_error
    mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson
    sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy
    squared_hinge top_k_categorical_accuracy
    """
)
"""Losses and metrics of a nested model that was trained by itself."""

MODULES = _names(
    """
    keras keras.activations keras.constraints keras.initializers keras.layers keras.losses
    keras.metrics keras.mixed_precision keras.models keras.optimizers keras.optimizers.legacy
    keras.optimizers.schedules keras.regularizers keras.layers.experimental
    keras.layers.experimental.preprocessing builtins
    keras.src.engine.functional keras.src.engine.sequential keras.src.engine.training
    keras.src.models.functional keras.src.models.model keras.src.models.sequential
    keras.src.ops.core keras.src.ops.image keras.src.ops.math keras.src.ops.nn keras.src.ops.numpy
    keras.src.layers.core.tf_op_layer keras.src.applications.convnext
    keras.src.applications.inception_resnet_v2
    keras.engine.functional keras.engine.sequential keras.engine.training
    keras.layers.core.tf_op_layer keras.applications.convnext
    tensorflow.python.ops.init_ops_v2
    """
)
"""Where ``.keras`` files may look for what they name."""

# --- functions of TensorFlow -------------------------------------------------------------------

_MATH = """
    abs accumulate_n acos acosh add add_n angle argmax argmin asin asinh atan atan2 atanh ceil conj
    cos cosh count_nonzero cumprod cumsum cumulative_logsumexp digamma divide divide_no_nan equal
    erf erfc erfcinv erfinv exp expm1 floor floordiv floormod greater greater_equal imag is_finite
    is_inf is_nan l2_normalize less less_equal lgamma log log1p log_sigmoid log_softmax logical_and
    logical_not logical_or logical_xor maximum minimum mod multiply multiply_no_nan ndtri negative
    not_equal polyval pow real reciprocal reciprocal_no_nan reduce_all reduce_any
    reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std
    reduce_sum reduce_variance rint round rsqrt scalar_mul segment_max segment_mean segment_min
    segment_prod segment_sum sigmoid sign sin sinh softmax softplus softsign sqrt square
    squared_difference subtract tan tanh top_k truediv unsorted_segment_max unsorted_segment_mean
    unsorted_segment_min unsorted_segment_prod unsorted_segment_sum xdivy xlog1py xlogy
    zero_fraction
    """

FUNCTIONS = (
    _names("add eq getitem ne", "__operators__.")
    | _names(_MATH)
    | _names(_MATH, "math.")
    | _names(
        """
        atrous_conv2d atrous_conv2d_transpose avg_pool avg_pool1d avg_pool2d avg_pool3d
        batch_normalization batch_norm_with_global_normalization bias_add conv1d conv1d_transpose
        conv2d conv2d_transpose conv3d conv3d_transpose conv_transpose convolution crelu
        depth_to_space depthwise_conv2d depthwise_conv2d_native dilation2d dropout elu
        embedding_lookup erosion2d fused_batch_norm gelu in_top_k l2_loss l2_normalize leaky_relu
        local_response_normalization log_softmax lrn max_pool max_pool1d max_pool2d max_pool3d
        max_pool_with_argmax moments normalize_moments pool relu relu6 relu_layer selu
        separable_conv2d sigmoid silu softmax softplus softsign space_to_batch space_to_depth
        sufficient_statistics swish tanh top_k weighted_moments with_space_to_batch xw_plus_b
        zero_fraction
        """,
        "nn.",
    )
    | _names(
        """
        adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop
        convert_image_dtype crop_and_resize crop_to_bounding_box extract_glimpse extract_patches
        flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients
        pad_to_bounding_box per_image_standardization random_brightness random_contrast random_crop
        random_flip_left_right random_flip_up_down random_hue random_saturation resize
        resize_area resize_bicubic resize_bilinear resize_image_with_crop_or_pad resize_images
        resize_nearest_neighbor resize_with_crop_or_pad resize_with_pad rgb_to_grayscale rgb_to_hsv
        rgb_to_yiq rgb_to_yuv rot90 sobel_edges stateless_random_brightness
        stateless_random_contrast stateless_random_crop stateless_random_flip_left_right
        stateless_random_flip_up_down stateless_random_hue stateless_random_saturation
        total_variation transpose yiq_to_rgb yuv_to_rgb
        """,
        "image.",
    )
    | _names(
        """
        adjoint band_part cross det diag diag_part einsum expm eye global_norm inv l2_normalize
        logdet matmul matrix_transpose matvec norm normalize pinv qr set_diag solve svd tensor_diag
        tensor_diag_part tensordot trace
        """,
        "linalg.",
    )
    | _names(
        """
        dct fft fft2d fft3d fftshift frame hamming_window hann_window idct ifft ifft2d ifft3d
        ifftshift irfft irfft2d irfft3d overlap_and_add rfft rfft2d rfft3d
        """,
        "signal.",
    )
    | _names(
        """
        categorical normal shuffle stateless_categorical stateless_normal
        stateless_truncated_normal stateless_uniform truncated_normal uniform
        """,
        "random.",
    )
    | _names(
        """
        argsort batch_to_space bitcast boolean_mask broadcast_dynamic_shape broadcast_static_shape
        broadcast_to cast clip_by_global_norm clip_by_norm clip_by_value complex concat constant
        convert_to_tensor depth_to_space dynamic_partition dynamic_stitch einsum ensure_shape
        expand_dims eye fill gather gather_nd guarantee_const histogram_fixed_width identity
        identity_n linspace matmul meshgrid norm one_hot ones ones_like pad parallel_stack range
        rank realdiv repeat required_space_to_batch_paddings reshape reverse reverse_sequence roll
        saturate_cast scatter_nd searchsorted sequence_mask shape shape_n size slice sort
        space_to_batch space_to_depth split squeeze stack stop_gradient strided_slice
        tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min tensor_scatter_nd_sub
        tensor_scatter_nd_update tensordot tile to_bfloat16 to_double to_float to_int32 to_int64
        transpose truncatediv truncatemod unique unique_with_counts unravel_index unstack where
        where_v2 zeros zeros_like
        """
    )
    | _names(
        """
        elu exponential gelu hard_sigmoid linear mish relu selu sigmoid softmax softplus softsign
        swish tanh
        """,
        "keras.activations.",
    )
    | _names(
        """
        abs all any arange argmax argmin batch_dot batch_flatten batch_normalization bias_add cast
        cast_to_floatx clip concatenate constant conv1d conv2d conv2d_transpose conv3d cos cumprod
        cumsum depthwise_conv2d dot dropout elu equal exp expand_dims eye flatten gather greater
        greater_equal hard_sigmoid int_shape l2_normalize less less_equal local_conv1d local_conv2d
        log max maximum mean min minimum ndim not_equal one_hot ones_like permute_dimensions pool2d
        pool3d pow prod random_bernoulli random_normal random_uniform relu repeat repeat_elements
        reshape resize_images resize_volumes reverse round separable_conv2d shape sigmoid sign sin
        softmax softplus softsign spatial_2d_padding spatial_3d_padding sqrt square squeeze stack
        std stop_gradient sum tanh temporal_padding tile transpose truncated_normal var zeros_like
        """,
        "keras.backend.",
    )
)
"""What a :data:`OPERATION_LAYERS` layer may call, as TensorFlow exports it (``tf.nn.relu``)."""

# --- operations of a SavedModel ----------------------------------------------------------------

OPERATIONS = _names(
    """
    Abs AccumulateNV2 Acos Acosh Add AddN AddV2 AdjustContrast AdjustContrastv2 AdjustHue
    AdjustSaturation All Angle Any ApproxTopK ArgMax ArgMin Asin Asinh Assert AssignAddVariableOp
    AssignSubVariableOp AssignVariableOp Atan Atan2 Atanh AvgPool AvgPool3D AvgPool3DGrad
    AvgPoolGrad BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND Betainc BiasAdd
    BiasAddGrad BiasAddV1 Bincount Bitcast BitwiseAnd BitwiseOr BitwiseXor BroadcastArgs
    BroadcastGradientArgs BroadcastTo Bucketize Case Cast Ceil CheckNumerics CheckNumericsV2
    Cholesky ClipByValue Complex ComplexAbs Concat ConcatOffset ConcatV2 Conj ConjugateTranspose
    Const Conv Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D
    Conv3DBackpropFilterV2 Conv3DBackpropInputV2 Cos Cosh CropAndResize Cross CudnnRNN
    CudnnRNNBackprop CudnnRNNBackpropV2 CudnnRNNBackpropV3 CudnnRNNV2 CudnnRNNV3 Cumprod Cumsum
    CumulativeLogsumexp DataFormatDimMap DataFormatVecPermute DenseBincount DepthToSpace
    DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput
    Diag DiagPart Digamma Dilation2D Div DivNoNan DynamicPartition DynamicStitch Einsum Elu EluGrad
    Empty EmptyTensorList EnsureShape Equal Erf Erfc Erfinv EuclideanNorm Exp ExpandDims Expm1
    ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches FFT FFT2D FFT3D FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod
    FractionalAvgPool FractionalMaxPool FusedBatchNorm FusedBatchNormGrad FusedBatchNormGradV2
    FusedBatchNormGradV3 FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater
    GreaterEqual HSVToRGB HistogramFixedWidth IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D Identity
    IdentityN If Igamma Igammac Imag ImageProjectiveTransformV2 ImageProjectiveTransformV3 InTopK
    InTopKV2 Inv InvertPermutation IsFinite IsInf IsNan IteratorGetNext L2Loss LRN LRNGrad LeakyRelu
    LeakyReluGrad LeftShift Less LessEqual Lgamma LinSpace ListDiff Log Log1p LogMatrixDeterminant
    LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound MatMul MatrixBandPart MatrixDeterminant
    MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
    MatrixExponential MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve
    MatrixTriangularSolve Max MaxPool MaxPool3D MaxPool3DGrad MaxPoolGrad MaxPoolV2
    MaxPoolWithArgmax Maximum Mean Merge Min Minimum MirrorPad MirrorPadGrad Mod Mul MulNoNan
    Multinomial Ndtri Neg NextAfter NoOp NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
    NonMaxSuppressionV4 NonMaxSuppressionV5 NotEqual OneHot OnesLike Pack Pad PadV2 ParallelConcat
    ParallelDynamicStitch ParameterizedTruncatedNormal PartitionedCall Placeholder
    PlaceholderWithDefault Polygamma PopulationCount Pow PreventGradient Prod Qr RFFT RFFT2D RFFT3D
    RGBToHSV RandomCrop RandomGamma RandomShuffle RandomStandardNormal RandomUniform
    RandomUniformInt Range Rank ReadVariableOp Real RealDiv Reciprocal ReciprocalGrad Relu Relu6
    Relu6Grad ReluGrad Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeBilinearGrad
    ResizeNearestNeighbor ResizeNearestNeighborGrad ResourceGather ResourceGatherNd Reverse
    ReverseSequence ReverseV2 RightShift Rint RngReadAndSkip RngSkip Roll Round Rsqrt RsqrtGrad
    ScaleAndTranslate ScatterNd SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Select
    SelectV2 SelfAdjointEigV2 Selu SeluGrad Shape ShapeN Sigmoid SigmoidGrad Sign Sin Sinh Size
    Slice Snapshot Softmax SoftmaxCrossEntropyWithLogits Softplus SoftplusGrad Softsign SoftsignGrad
    SpaceToBatch SpaceToBatchND SpaceToDepth SparseSoftmaxCrossEntropyWithLogits Split SplitV Sqrt
    SqrtGrad Square SquaredDifference Squeeze StatefulPartitionedCall StatefulRandomBinomial
    StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform StatefulUniformFullInt
    StatefulUniformInt StatelessCase StatelessIf StatelessMultinomial StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt
    StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
    StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 StopGradient
    StridedSlice StridedSliceGrad Sub Sum Svd Switch SymbolicGradient Tan Tanh TanhGrad
    TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
    TensorListResize TensorListSetItem TensorListSplit TensorListStack TensorScatterAdd
    TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate
    Tile TopK TopKV2 Transpose TridiagonalSolve TruncateDiv TruncateMod TruncatedNormal Unique
    UniqueV2 UniqueWithCounts Unpack UnravelIndex UnsortedSegmentMax UnsortedSegmentMin
    UnsortedSegmentProd UnsortedSegmentSum UpperBound VarHandleOp VarIsInitializedOp VariableShape
    VariableV2 Where Xdivy Xlog1py Xlogy ZerosLike Zeta
    """
)

LOOPS = _names("While StatelessWhile LoopCond NextIteration RefNextIteration Enter RefEnter Exit")
"""What runs other operations until they say that it is enough, which may be never."""

"""What the functions of a SavedModel may be made of."""
