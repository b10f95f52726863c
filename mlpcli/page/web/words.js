// Every word of the page, in English and in Chinese.

const WORDS = {
  en: {
    language: "Language",
    colours: "Colours",
    as_the_system: "as the system",
    light: "light",
    dark: "dark",
    sections: "Sections",
    title: "{name}: a network, forward and back",
    subtitle:
      "{sizes} units, {parameters} parameters, in this page alone: nothing is sent anywhere.",
    subtitle_small: "A small network, in this page alone: nothing is sent anywhere.",
    made_by: "Made by mlpcli {version}.",
    draw: "Draw",
    forward: "Forward",
    backward: "Backward",
    step_by_step: "Step by step",
    small_network: "A small network",
    symbols: "Symbols",

    pad_label: "Drawing area. Without a pointer, choose one of the test images or open an image.",
    pad_hint: "Draw here, or drop or paste an image.",
    seen_label: "What the network sees",
    seen_caption: "What the network sees: {height} × {width} pixels.",
    undo: "Undo",
    clear: "Clear",
    open: "Open an image",
    save: "Save as PNG",
    brush: "Brush",
    threshold: "Unsure below",
    nothing_yet: "Draw a digit, or choose a test image.",
    nothing_yet_plain: "Draw or open an image, or choose a test image.",
    no_digit: "no digit",
    unsure: "unsure, perhaps {answer}",
    answer: "{name} ({percent})",
    true_answer: "{answer}. The test image shows {label}.",
    class: "class",
    probability: "probability",
    test_images: "Test images",
    tests_title: "{count} images that it has not learned",
    tests_title_drawn: "{count} digits that mlpcli has drawn",
    tests_hint: "Those with a frame and a cross were misread.",
    test_right: "{label}, read correctly",
    test_wrong: "{label}, read as {prediction}",
    tested: "{label} → {prediction}",
    not_a_picture: "The browser cannot read this image.",

    blank: "no digit found: the image is blank, or its ink too faint.",
    noise: "no digit found: the image is nothing but noise.",
    shadow: "no digit found: there is nothing but light and shadow.",
    many: "no digit found: there are many parts, and none stands out.",
    specks: "no digit found: there is nothing but specks.",
    line: "no digit found: there is nothing but a line.",
    pattern: "no digit found: there is nothing but a pattern.",
    spot: "no digit found: there is nothing but a spot, and no stroke.",

    forward_text:
      "Each layer takes what the one before it puts out. A unit above 0 is a red square, one below 0 a blue disc; the larger its size, the stronger the colour. Point at a unit, or type its number.",
    layer: "Layer {number}: {units} units, {activation}",
    output_layer: "Layer {number}, the output: {units} units",
    unit: "Unit",
    unit_of_layer: "Unit of layer {number}",
    strip_label: "Activations of layer {number}; {active} of {units} are above 0.",
    active: "{active} of {units} units are above 0.",
    unit_title: "Unit {unit} of layer {number}",
    unit_title_output: "Unit {unit} of layer {number}: {name}",
    incoming: "Its weights: red squares wait for ink, blue discs for none.",
    incoming_plain: "Its weights: red squares wait for light, blue discs for dark.",
    products: "x times weight: what speaks for it here, and against.",
    from: "from",
    times: "activation × weight",
    product: "product",
    pixel: "row {row}, column {column}",
    of_unit: "unit {unit}",
    rest: "the other {count}",
    bias: "bias b",
    sum: "sum z",

    backward_text:
      "Choose the class that it should be. The loss L says how wrong the answer is; δ is the error that each layer receives, from the last to the first.",
    true_class: "It should be",
    arrows_text:
      "δ = {formula}. An arrow shows where an output should go, up in red or down in blue; its length shows how far.",
    arrows_label: "Where each output should go: {ways}",
    way: "{name} {direction} by {amount}",
    up: "up",
    down: "down",
    error_title: "δ of layer {number}",
    error_label: "Errors of layer {number}; the largest is {largest}, of unit {unit}.",
    error_too_large: "Errors of layer {number}; they are no longer finite.",
    pixels_title: "Which pixels would have to change",
    pixels_text:
      "∂ {score}/∂x: more ink in a red square speaks for {name}, in a blue disc against it. The strongest is {largest}.",
    pixels_plain_text:
      "∂ {score}/∂x: more light in a red square speaks for {name}, in a blue disc against it. The strongest is {largest}.",
    gradients_title: "How much each layer would learn",
    layer_number: "layer",
    shape: "W",
    norm: "norm of ∂L/∂W",
    changes_title: "The weights of the last layer that one step would change most",
    to_class: "to class",
    change: "change",
    learning_rate: "Learning rate η",
    one_step: "One step",
    ten_steps: "Ten steps",
    reset: "Reset",
    steps_taken:
      "Steps on this image: {steps}. The loss is {loss}; it was {before}. The answer is {answer}.",
    before: "p before",
    after: "p after",
    diverged: "The numbers are no longer finite: η is too large. Reset, and choose a smaller one.",

    stages_text:
      "The image's way through the network and back, stage by stage. Use the buttons, or the keys ← and →.",
    convention: "An example is",
    rows: "a row, as in mlpcli: z = a W + b",
    columns: "a column, as in textbooks: z = W a + b",
    previous: "← Back",
    next: "Next →",
    stage: "Stage {number} of {count}: {title}",
    shapes: "Shapes",
    stage_input: "the input",
    stage_input_text:
      "The pixels from 0 (ground) to 255 (ink) become numbers around 0: minus the mean {mean}, divided by the standard deviation {std}, both of the training images.",
    stage_input_plain_text:
      "The pixels from 0 (black) to 255 (white) become numbers around 0: minus the mean {mean}, divided by the standard deviation {std}, both of the training images.",
    stage_forward: "layer {number} forward",
    stage_forward_text:
      "Each unit adds up its inputs, each times a weight, and a bias; σ bends the sum.",
    stage_forward_last_text: "Each unit adds up its inputs, each times a weight, and a bias.",
    stage_prediction: "what the loss compares",
    stage_prediction_text: "The outputs become p, which should become the target t.",
    stage_prediction_softmax_text:
      "Softmax turns the outputs into probabilities: all above 0, and 1 in total. (The bars above first divide z by the temperature {temperature}.)",
    stage_loss: "the loss",
    stage_loss_text: "One number says how wrong it is, in {unit}.",
    stage_delta: "the error of the output",
    stage_delta_text: "How L changes with each output: backpropagation begins here.",
    stage_back: "layer {number} back",
    stage_back_text:
      "A weight's gradient is what came in, times the error. The error goes back to the layer before through the same weights, times the slope σ′ there.",
    stage_back_first_text:
      "A weight's gradient is what came in, times the error. Training does not need the error of the pixels.",
    stage_update: "the update",
    stage_update_text: "Each number takes a small step against its gradient, with η = {rate}.",
    number_of_unit: "Numbers of unit {unit}",
    number_of_pixel: "Numbers of pixel {unit}, row {row}, column {column}",
    loss_before: "L before the step",
    loss_after: "L after it",

    small_text:
      "Small enough to be drawn whole, and trained here: each step is one of gradient descent over all examples of its table.",
    network: "Network",
    example: "Example",
    example_number: "{number}: {values}",
    as_trained: "{name}, as it was trained",
    as_begun: "{name}, before training",
    an_example: "{name}",
    play: "Play",
    pause: "Pause",
    small_status: "Step {steps}: the loss is {loss}.",
    small_hint:
      "Each circle shows z and a (or p) of the chosen example; below it are δ and the bias b. Each line shows its weight and, in brackets, the gradient over all examples; a red solid line is a weight above 0, a blue dashed one below.",
    small_hint_many:
      "A red solid line is a weight above 0, a blue dashed one below; the network is too wide for numbers on its lines.",
    standardized:
      "Inputs, and the targets of a regression, are standardised as in training: minus the mean of their column, divided by its standard deviation.",
    optimizer_other: "The run trained with {name}; here each step is plain gradient descent.",
    graph_label: "The network with its numbers",
    input_unit: "input {unit}: {value}",
    graph_unit: "layer {number}, unit {unit}: z = {z}, a = {a}, δ = {delta}, b = {b}",
    loss_curve: "Loss by step",
    loss_curve_label: "The loss, from {first} to {last} in {steps} steps.",
    plane:
      "Output {name} over the plane of both inputs: red squares where it is above {middle}, blue discs where it is below. The examples are circles if their target is above, crosses if it is below.",
    plane_label: "Output over the plane of the inputs",
    fit: "Output by input; the examples as circles",
    fit_label: "The output as a curve",

    symbol_x: "input",
    symbol_t: "target",
    symbol_W: "weights of a layer",
    symbol_b: "biases of a layer",
    symbol_z: "weighted sums",
    symbol_a: "activations, a = σ(z)",
    symbol_σ: "activation function",
    symbol_p: "what the loss compares with the target",
    symbol_L: "loss",
    symbol_δ: "error of a layer, ∂L/∂z",
    symbol_η: "learning rate",
    symbol_θ: "all weights and biases",
  },
  zh: {
    language: "语言",
    colours: "配色",
    as_the_system: "跟随系统",
    light: "浅色",
    dark: "深色",
    sections: "章节",
    title: "{name}：一个网络的前向与反向",
    subtitle: "各层单元数 {sizes}，共 {parameters} 个参数，全部在本页内：不向任何地方发送数据。",
    subtitle_small: "一个小网络，全部在本页内：不向任何地方发送数据。",
    made_by: "由 mlpcli {version} 生成。",
    draw: "书写",
    forward: "前向传播",
    backward: "反向传播",
    step_by_step: "逐步演示",
    small_network: "小网络",
    symbols: "符号",

    pad_label: "书写区。若没有指针设备，请选择一张测试图像或打开一张图片。",
    pad_hint: "在此书写，或拖入、粘贴一张图片。",
    seen_label: "网络所见",
    seen_caption: "网络所见：{height} × {width} 像素。",
    undo: "撤销",
    clear: "清除",
    open: "打开图片",
    save: "存为 PNG",
    brush: "笔画粗细",
    threshold: "低于此值为不确定",
    nothing_yet: "请写一个数字，或选择一张测试图像。",
    nothing_yet_plain: "请绘制或打开一张图片，或选择一张测试图像。",
    no_digit: "非数字",
    unsure: "不确定，可能是 {answer}",
    answer: "{name}（{percent}）",
    true_answer: "{answer}。该测试图像的真实类别是 {label}。",
    class: "类别",
    probability: "概率",
    test_images: "测试图像",
    tests_title: "{count} 张网络没有学过的图像",
    tests_title_drawn: "{count} 个由 mlpcli 绘制的数字",
    tests_hint: "带边框和叉号的被网络认错了。",
    test_right: "{label}，识别正确",
    test_wrong: "{label}，被认作 {prediction}",
    tested: "{label} → {prediction}",
    not_a_picture: "浏览器无法读取这张图片。",

    blank: "未找到数字：图像是空白的，或墨迹太淡。",
    noise: "未找到数字：图像中只有噪声。",
    shadow: "未找到数字：图像中只有光影。",
    many: "未找到数字：有许多部分，没有一个突出。",
    specks: "未找到数字：图像中只有斑点。",
    line: "未找到数字：图像中只有一条线。",
    pattern: "未找到数字：图像中只有图案。",
    spot: "未找到数字：只有一个墨点，没有笔画。",

    forward_text:
      "每一层对前一层作出回应。大于 0 的单元为红色方块，小于 0 的为蓝色圆点，颜色越浓数值越大。指向某个单元，或输入它的编号。",
    layer: "第 {number} 层：{units} 个单元，{activation}",
    output_layer: "第 {number} 层（输出层）：{units} 个单元",
    unit: "单元",
    unit_of_layer: "第 {number} 层的单元",
    strip_label: "第 {number} 层的激活值；{units} 个中有 {active} 个大于 0。",
    active: "{units} 个单元中有 {active} 个大于 0。",
    unit_title: "第 {number} 层第 {unit} 个单元",
    unit_title_output: "第 {number} 层第 {unit} 个单元：{name}",
    incoming: "它的权重：红色方块处期待有墨，蓝色圆点处期待无墨。",
    incoming_plain: "它的权重：红色方块处期待亮，蓝色圆点处期待暗。",
    products: "x 乘以权重：此处哪些像素支持它，哪些反对它。",
    from: "来自",
    times: "激活值 × 权重",
    product: "乘积",
    pixel: "第 {row} 行第 {column} 列",
    of_unit: "单元 {unit}",
    rest: "其余 {count} 项",
    bias: "偏置 b",
    sum: "和 z",

    backward_text:
      "指定它应该是哪一类。损失 L 表示答案错得多厉害；δ 是从最后一层到第一层逐层传回的误差。",
    true_class: "它应该是",
    arrows_text: "δ = {formula}。箭头表示输出应往哪里走：红色向上，蓝色向下，长度即距离。",
    arrows_label: "各输出应走的方向：{ways}",
    way: "{name} {direction} {amount}",
    up: "向上",
    down: "向下",
    error_title: "第 {number} 层的 δ",
    error_label: "第 {number} 层的误差；最大值 {largest}，在第 {unit} 个单元。",
    error_too_large: "第 {number} 层的误差；数值超出了范围。",
    pixels_title: "哪些像素需要改变",
    pixels_text:
      "∂ {score}/∂x：红色方块处墨越多越支持 {name}，蓝色圆点处则越反对。最强处为 {largest}。",
    pixels_plain_text:
      "∂ {score}/∂x：红色方块处越亮越支持 {name}，蓝色圆点处则越反对。最强处为 {largest}。",
    gradients_title: "每一层会学到多少",
    layer_number: "层",
    shape: "W",
    norm: "∂L/∂W 的范数",
    changes_title: "一步之内最后一层变化最大的权重",
    to_class: "到类别",
    change: "变化量",
    learning_rate: "学习率 η",
    one_step: "走一步",
    ten_steps: "走十步",
    reset: "重置",
    steps_taken: "在这张图像上走了 {steps} 步。损失为 {loss}，原为 {before}。答案是 {answer}。",
    before: "之前的 p",
    after: "之后的 p",
    diverged: "数值超出了范围：η 太大。请重置并取较小的值。",

    stages_text: "图像在网络中前向再反向的路程，一步一步来：用按钮，或用 ← 和 → 键。",
    convention: "一个样本是",
    rows: "一行，如 mlpcli：z = a W + b",
    columns: "一列，如教科书：z = W a + b",
    previous: "← 上一步",
    next: "下一步 →",
    stage: "第 {number} 步，共 {count} 步：{title}",
    shapes: "形状",
    stage_input: "输入",
    stage_input_text:
      "像素从 0（背景）到 255（墨）变为 0 附近的数：减去平均值 {mean}，再除以标准差 {std}，二者都取自训练图像。",
    stage_input_plain_text:
      "像素从 0（黑）到 255（白）变为 0 附近的数：减去平均值 {mean}，再除以标准差 {std}，二者都取自训练图像。",
    stage_forward: "第 {number} 层前向",
    stage_forward_text: "每个单元把输入乘以权重后相加，再加偏置；σ 将和弯曲。",
    stage_forward_last_text: "每个单元把输入乘以权重后相加，再加偏置。",
    stage_prediction: "损失所比较的量",
    stage_prediction_text: "输出变为 p，它应当变成目标 t。",
    stage_prediction_softmax_text:
      "Softmax 把输出变为概率：都大于 0，总和为 1。（上面的条形先把 z 除以温度 {temperature}。）",
    stage_loss: "损失",
    stage_loss_text: "用一个数表示错得多厉害，单位是 {unit}。",
    stage_delta: "输出的误差",
    stage_delta_text: "L 随每个输出如何变化：反向传播从这里开始。",
    stage_back: "第 {number} 层反向",
    stage_back_text:
      "权重的梯度是进来的值乘以误差。误差经同样的权重传到前一层，再乘以那里的导数 σ′。",
    stage_back_first_text: "权重的梯度是进来的值乘以误差。训练时无需像素的误差。",
    stage_update: "更新",
    stage_update_text: "每个数逆着自己的梯度走一小步，η = {rate}。",
    number_of_unit: "第 {unit} 个单元的数值",
    number_of_pixel: "第 {unit} 个像素的数值，第 {row} 行第 {column} 列",
    loss_before: "更新前的 L",
    loss_after: "更新后的 L",

    small_text: "小到可以完整画出，并可在此训练：每一步都是对表中所有样本的一次梯度下降。",
    network: "网络",
    example: "样本",
    example_number: "{number}：{values}",
    as_trained: "{name}，训练之后",
    as_begun: "{name}，训练之前",
    an_example: "{name}",
    play: "播放",
    pause: "暂停",
    small_status: "第 {steps} 步：损失为 {loss}。",
    small_hint:
      "圆圈内是 z 和 a（或 p），下面是所选样本的 δ 和偏置 b。线上是权重，括号内是它对所有样本的梯度；红色实线表示权重大于 0，蓝色虚线表示小于 0。",
    small_hint_many: "红色实线表示权重大于 0，蓝色虚线表示小于 0；网络太宽，线上无法写数字。",
    standardized: "输入以及回归的目标与训练时一样经过标准化：减去所在列的平均值，再除以标准差。",
    optimizer_other: "该次训练使用 {name}；这里每一步都是普通的梯度下降。",
    graph_label: "网络及其数值",
    input_unit: "输入 {unit}：{value}",
    graph_unit: "第 {number} 层第 {unit} 个单元：z = {z}，a = {a}，δ = {delta}，b = {b}",
    loss_curve: "损失随步数的变化",
    loss_curve_label: "损失在 {steps} 步内从 {first} 变为 {last}。",
    plane:
      "输出 {name} 在两个输入平面上的值：大于 {middle} 处为红色方块，小于处为蓝色圆点。样本的目标大于它的为圆圈，小于的为叉号。",
    plane_label: "输出在输入平面上的值",
    fit: "输出随输入的变化；样本为圆圈",
    fit_label: "输出曲线",

    symbol_x: "输入",
    symbol_t: "目标",
    symbol_W: "一层的权重",
    symbol_b: "一层的偏置",
    symbol_z: "加权和",
    symbol_a: "激活值，a = σ(z)",
    symbol_σ: "激活函数",
    symbol_p: "损失拿来与目标比较的量",
    symbol_L: "损失",
    symbol_δ: "一层的误差，∂L/∂z",
    symbol_η: "学习率",
    symbol_θ: "所有权重和偏置",
  },
};

let language = "en";

/** Return the language that a browser prefers, of those that there are. */
export function preferredLanguage(preferred) {
  return preferred.map((each) => each.slice(0, 2)).find((each) => each in WORDS) ?? "en";
}

export function setLanguage(chosen) {
  language = chosen;
}

/** Return the words of a key, with {name} replaced by values.name. */
export function say(key, values = {}) {
  const words = WORDS[language][key];
  if (words === undefined) {
    throw new Error(`no words for ${key}`);
  }
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return a share as 98.31 %. */
export function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

/** Return a number with four digits that matter. */
export function figure(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    return withMinusSign(value.toExponential(2));
  }
  return withMinusSign(value.toFixed(4));
}

/** Return a number with its sign. */
export function signed(value) {
  return (value < 0 ? "" : "+") + figure(value);
}

export function withMinusSign(text) {
  return text.replaceAll("-", "−");
}
