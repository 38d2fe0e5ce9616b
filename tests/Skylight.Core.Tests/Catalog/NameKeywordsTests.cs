using System.Text;
using Skylight.Core.Catalog;

namespace Skylight.Core.Tests.Catalog;

public sealed class NameKeywordsTests
{
    [Theory]
    [InlineData("=单^田芳", "shantianfang", "stf")]
    [InlineData("=单^雄信", "danxiongxin", "sxx")]
    [InlineData("=解^晓东", "xiexiaodong", "xxd")]
    [InlineData("=曾^志伟", "zengzhiwei", "zzw")]
    [InlineData("=仇^英", "qiuying", "qy")]
    [InlineData("=查^良", "zhaliang", "zl")]
    [InlineData("=尉迟^恭", "yuchigong", "ycg")]
    [InlineData("=万俟^卨", "moqixie", "mqx")]
    [InlineData("=朴^勇", "piaoyong", "py")]
    [InlineData("=翟^天", "zhaitian", "zt")]
    [InlineData("=吕^布", "lvbu", "lb")]
    [InlineData("=吕^布", "lubu", "lb")]
    [InlineData("=吕^布", "lyubu", "lb")]
    [InlineData("=劉^備", "liubei", "lb")]
    [InlineData("=欧阳^娜娜", "ouyangnana", "oynn")]
    [InlineData("=欧阳^娜娜", "nana", "oynn")]
    [InlineData("=重^庆", "chongqing", "cq")]
    [InlineData("Zhang^Xiaoming", "zhangxiaoming", "zxm")]
    [InlineData("Müller^Jürgen", "muller", "mj")]
    [InlineData("ＺＨＡＮＧ^ＷＥＩ", "zhangwei", "zw")]
    public void Of_AnyName_HoldsItsPinyinAndInitials(string name, string pinyin, string initials)
    {
        var words = NameKeywords.Of(name).ToHashSet();
        Assert.Contains(pinyin, words);
        Assert.Contains(initials, words);
    }

    [Fact]
    public void Of_ANameOfManyReadings_StaysBounded()
    {
        var words = NameKeywords.Of("=" + string.Concat(Enumerable.Repeat("单解曾仇", 8))).ToHashSet();
        Assert.InRange(words.Count, 20, 150);
    }

    [Fact]
    public void Readings_OfEveryCommonCharacter_AreThere()
    {
        var common = Enumerable.Range(0x4E00, 0x9FA5 - 0x4E00 + 1);
        Assert.InRange(common.Count(c => Pinyin.Readings(new Rune(c)).Count == 0), 0, 200);
        Assert.Equal(["ling"], Pinyin.Readings(new Rune('〇')));
        Assert.Empty(Pinyin.Readings(new Rune('a')));
    }

    [Theory]
    [InlineData("xiaoming", "xiao ming")]
    [InlineData("xian", "xian")]
    [InlineData("fangan", "fang an")]
    [InlineData("lv", "lv")]
    [InlineData("smith", null)]
    [InlineData("", null)]
    public void Split_Word_GivesSyllables(string word, string? expected) => Assert.Equal(expected, Pinyin.Split(word) is { } syllables ? string.Join(' ', syllables) : null);

    [Theory]
    [InlineData("CT胸部平扫", "ct 胸部 部平 平扫")]
    [InlineData("  ", "")]
    [InlineData("P-0012/34", "p 0012 34")]
    [InlineData("\uD800x", "x")]
    [InlineData("Café e\u0301clair", "cafe eclair")]
    public void Parse_Query_FoldsAndSplits(string query, string expected) => Assert.Equal(expected, string.Join(' ', Keywords.Parse(query)!.Select(keyword => keyword.Text)));

    [Fact]
    public void Parse_TooManyKeywords_IsRefused() => Assert.Null(Keywords.Parse(string.Join(' ', Enumerable.Range(0, 40))));
}
