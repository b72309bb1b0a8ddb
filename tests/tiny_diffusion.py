"""Stable Diffusion's components with few, random weights, as the tests of text-to-score need them."""

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from scorehub.pipelines.text_to_score.pipeline import TextToScorePipeline

PROMPTS = [
    f"a music score, composer is Bach, instrumentation is {instrument}, key is {key}, piece style is Baroque"
    for instrument in ("violin", "piano")
    for key in ("A major", "B-flat minor")
]


def tiny_tokenizer():
    return CLIPTokenizer(model_max_length=48).train_new_from_iterator(PROMPTS, 400)


def tiny_pipeline(channels=1, vocabulary=None):
    """Pages of 96 x 64 px, two pixels to a latent."""
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
            num_attention_heads=2, max_position_embeddings=48,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    vae = AutoencoderKL(
        in_channels=channels, out_channels=channels, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, block_out_channels=(8, 16), latent_channels=4, norm_num_groups=4,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=(48, 32), in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4,
    )  # fmt: skip
    scheduler = DPMSolverMultistepScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1
    )
    return TextToScorePipeline(
        vae.eval(), text_encoder.eval(), tokenizer, unet.eval(), scheduler, vocabulary=vocabulary
    )
