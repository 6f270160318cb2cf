"""Scripts in the forms that well-known ones have, cut after their command lines."""

from __future__ import annotations

#: PyTorch's examples/imagenet/main.py.
IMAGENET = """
import argparse
import os
import random
import torch
import torchvision.models as models

model_names = sorted(name for name in models.__dict__
    if name.islower() and not name.startswith("__")
    and callable(models.__dict__[name]))

parser = argparse.ArgumentParser(description='PyTorch ImageNet Training')
parser.add_argument('data', metavar='DIR', nargs='?', default='imagenet',
                    help='path to dataset (default: imagenet)')
parser.add_argument('-a', '--arch', metavar='ARCH', default='resnet18',
                    choices=model_names,
                    help='model architecture: ' +
                        ' | '.join(model_names) +
                        ' (default: resnet18)')
parser.add_argument('-j', '--workers', default=4, type=int, metavar='N',
                    help='number of data loading workers (default: 4)')
parser.add_argument('-b', '--batch-size', default=256, type=int, metavar='N')
parser.add_argument('--lr', '--learning-rate', default=0.1, type=float,
                    metavar='LR', help='initial learning rate', dest='lr')
parser.add_argument('--wd', '--weight-decay', default=1e-4, type=float,
                    metavar='W', help='weight decay (default: 1e-4)', dest='weight_decay')
parser.add_argument('--resume', default='', type=str, metavar='PATH')
parser.add_argument('-e', '--evaluate', dest='evaluate', action='store_true',
                    help='evaluate model on validation set')
parser.add_argument('--seed', default=None, type=int, help='seed for initializing training. ')
parser.add_argument('--no-accel', action='store_true', help='disables accelerator')

best_acc1 = 0

def main():
    args = parser.parse_args()
    if args.seed is not None:
        random.seed(args.seed)
    print(args)

if __name__ == '__main__':
    main()
"""

#: timm's train.py: a parser for a file with defaults, and one for all else, in groups.
TIMM = """
import argparse
import logging
from contextlib import suppress
import yaml
from timm import utils

config_parser = parser = argparse.ArgumentParser(description='Training Config', add_help=False)
parser.add_argument('-c', '--config', default='', type=str, metavar='FILE',
                    help='YAML config file specifying default arguments')

parser = argparse.ArgumentParser(description='PyTorch ImageNet Training')

# Dataset parameters
group = parser.add_argument_group('Dataset parameters')
parser.add_argument('data', nargs='?', metavar='DIR', const=None,
                    help='path to dataset (positional is *deprecated*, use --data-dir)')
group.add_argument('--data-dir', metavar='DIR', help='path to dataset (root dir)')
group.add_argument('--class-map', default='', type=str, metavar='FILENAME',
                   help='path to class to idx mapping file (default: "")')
group = parser.add_argument_group('Model parameters')
group.add_argument('--model', default='resnet50', type=str, metavar='MODEL',
                   help='Name of model to train (default: "resnet50")')
group.add_argument('--input-size', default=None, nargs=3, type=int, metavar='N',
                   help='Input all image dimensions (d h w, e.g. --input-size 3 224 224)')
group.add_argument('--mean', type=float, nargs='+', default=None, metavar='MEAN')
group.add_argument('--interpolation', default='', type=str, metavar='NAME')
group.add_argument('--model-kwargs', nargs='*', default={}, action=utils.ParseKwargs)
scripting_group = group.add_mutually_exclusive_group()
scripting_group.add_argument('--torchscript', dest='torchscript', action='store_true',
                             help='torch.jit.script the full model')
scripting_group.add_argument('--torchcompile', nargs='?', type=str, default=None, const='inductor',
                             help="Enable compilation w/ specified backend (default: inductor).")
group = parser.add_argument_group('Optimizer parameters')
group.add_argument('--opt-betas', default=None, type=float, nargs='+', metavar='BETA')
group.add_argument('--lr', type=float, default=None, metavar='LR')
group.add_argument('--sched-on-updates', action='store_true', default=False)
group.add_argument('--no-aug', action='store_true', default=False)
group.add_argument('--jsd-loss', action='store_true', default=False)
group.add_argument('--no-prefetcher', action='store_true', default=False)
parser.add_argument("--local_rank", default=0, type=int)

def _parse_args():
    # Do we have a config file to parse?
    args_config, remaining = config_parser.parse_known_args()
    if args_config.config:
        with open(args_config.config, 'r') as f:
            cfg = yaml.safe_load(f)
            parser.set_defaults(**cfg)
    # The main arg parser parses the rest of the args, the usual
    # defaults will have been overridden if config file specified.
    args = parser.parse_args(remaining)
    # Cache the args as a text string to save them in the output dir later
    args_text = yaml.safe_dump(args.__dict__, default_flow_style=False)
    return args, args_text

def main():
    args, args_text = _parse_args()
    print(args)

if __name__ == '__main__':
    main()
"""

#: DETR's main.py: a parent parser from a function.
DETR = """
import argparse
from pathlib import Path

def get_args_parser():
    parser = argparse.ArgumentParser('Set transformer detector', add_help=False)
    parser.add_argument('--lr', default=1e-4, type=float)
    parser.add_argument('--position_embedding', default='sine', type=str, choices=('sine', 'learned'),
                        help="Type of positional embedding to use on top of the image features")
    parser.add_argument('--pre_norm', action='store_true')
    parser.add_argument('--no_aux_loss', dest='aux_loss', action='store_false',
                        help="Disables auxiliary decoding losses (loss at each layer)")
    parser.add_argument('--output_dir', default='', help='path where to save, empty for no saving')
    parser.add_argument('--start_epoch', default=0, type=int, metavar='N', help='start epoch')
    return parser

def main(args):
    print(args)

if __name__ == '__main__':
    parser = argparse.ArgumentParser('DETR training and evaluation script', parents=[get_args_parser()])
    args = parser.parse_args()
    if args.output_dir:
        Path(args.output_dir).mkdir(parents=True, exist_ok=True)
    main(args)
"""

#: CycleGAN's options: parsers that are handed from method to method of one class and its base.
CYCLEGAN = """
import argparse

class BaseOptions():
    def __init__(self):
        self.initialized = False

    def initialize(self, parser):
        parser.add_argument('--dataroot', required=True, help='path to images')
        parser.add_argument('--gpu_ids', type=str, default='0', help='gpu ids: e.g. 0  0,1,2, 0,2. use -1 for CPU')
        parser.add_argument('--input_nc', type=int, default=3, help='# of input image channels: 3 for RGB')
        self.initialized = True
        return parser

    def gather_options(self):
        if not self.initialized:
            parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
            parser = self.initialize(parser)
        self.parser = parser
        return parser.parse_args()

    def parse(self):
        opt = self.gather_options()
        self.opt = opt
        return self.opt

class TrainOptions(BaseOptions):
    def initialize(self, parser):
        parser = BaseOptions.initialize(self, parser)
        parser.add_argument('--n_epochs', type=int, default=100, help='number of epochs, %(default)s as it is')
        parser.add_argument('--beta1', type=float, default=0.5, help='momentum term of adam')
        return parser

if __name__ == '__main__':
    opt = TrainOptions().parse()
    print(opt)
"""

#: Megatron's arguments: functions that each add a group.
MEGATRON = """
import argparse

def parse_args(extra_args_provider=None, ignore_unknown_args=False):
    parser = argparse.ArgumentParser(description='Megatron-LM Arguments', allow_abbrev=False)
    parser = _add_network_size_args(parser)
    parser = _add_training_args(parser)
    args = parser.parse_args()
    return args

def _add_network_size_args(parser):
    group = parser.add_argument_group(title='network size')
    group.add_argument('--num-layers', type=int, default=None, help='Number of transformer layers.')
    group.add_argument('--swiglu', action='store_true', help='Use gated linear units and SiLU activation')
    return parser

def _add_training_args(parser):
    group = parser.add_argument_group(title='training')
    group.add_argument('--micro-batch-size', type=int, default=None)
    group.add_argument('--rampup-batch-size', nargs='*', default=None,
                       help='Batch size ramp up with 100% care')
    group.add_argument('--optimizer', type=str, default='adam', choices=['adam', 'sgd'])
    return parser

if __name__ == '__main__':
    print(parse_args())
"""

#: PyTorch's examples/mnist, hands over actions and versions of all kinds.
MNIST = """
from __future__ import print_function
import argparse as ap
from argparse import ArgumentParser, ArgumentDefaultsHelpFormatter

EPOCHS = 7 * 2
SIZES = (16, 32)
DEFAULTS = dict(gamma=0.7, name="a" + "b")

def positive(text):
    value = int(text)
    if value < 1:
        raise ap.ArgumentTypeError("less than 1")
    return value

def main():
    # Training settings
    parser = ArgumentParser(description='PyTorch MNIST Example', formatter_class=ArgumentDefaultsHelpFormatter)
    parser.add_argument('--version', action='version', version='%(prog)s 1.0')
    add = parser.add_argument
    add('--epochs', type=positive, default=EPOCHS, metavar='N')
    add('--size', type=int, choices=SIZES, default=SIZES[-1])
    add('--depth', type=int, choices=range(1, 4), default=2, help='one of %(choices)s')
    add('--gamma', type=float, default=DEFAULTS["gamma"])
    add('--name', default=DEFAULTS['name'])
    add('--scale', type=lambda text: float(text) * 2, default=-1.5)
    add('--amp', action=ap.BooleanOptionalAction, default=True)
    add('--shuffle', type=bool, default=True)
    add('-v', '--verbose', action='count', default=0)
    add('--tag', action='append', default=[])
    add('--layer', action='extend', nargs='+', type=int)
    add('--fast', dest='speed', action='store_const', const=9, default=1)
    feature = parser.add_mutually_exclusive_group(required=True)
    feature.add_argument('--feature', dest='feature', action='store_true')
    feature.add_argument('--no-feature', dest='feature', action='store_false')
    parser.set_defaults(feature=True, name='c')
    add('input', nargs='+')
    args = parser.parse_args()
    print(args)

if __name__ == '__main__':
    main()
"""

#: nanoGPT's train.py, whose configurator.py overrides variables.
NANOGPT = """
import os
import torch
# default config values designed to train a gpt2 (124M) on OpenWebText
out_dir = 'out'
eval_interval = 2000
eval_only = False # if True, script exits right after the first eval
wandb_run_name = 'gpt2' # 'run' + str(time.time())
gradient_accumulation_steps = 5 * 8 # used to simulate larger batch sizes
learning_rate = 6e-4 # max learning rate
device = 'cuda' # examples: 'cpu', 'cuda', 'cuda:0', 'cuda:1' etc., or try 'mps' on macbooks
dtype = 'bfloat16' if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else 'float16'
# -----------------------------------------------------------------------------
config_keys = [k for k,v in globals().items() if not k.startswith('_') and isinstance(v, (int, float, bool, str))]
exec(open('configurator.py').read()) # overrides from command line or config file
config = {k: globals()[k] for k in config_keys} # will be useful for logging
tokens_per_iter = gradient_accumulation_steps
"""
