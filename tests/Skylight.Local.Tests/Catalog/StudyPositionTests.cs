using System.Text;
using Skylight.Core.Catalog;
using Skylight.Local.Catalog;

namespace Skylight.Local.Tests.Catalog;

public sealed class StudyPositionTests
{
    [Theory]
    [InlineData("")]
    [InlineData("20260131")]
    [InlineData("202601310")]
    [InlineData("00000000000000")]
    [InlineData("99999999999999")]
    public void Of_SortKey_GivesItBack(string sort)
    {
        var position = StudyPosition.Of(Encoding.UTF8.GetBytes(sort), 17);
        Assert.Equal(sort, position.SortText());
        Assert.Equal((sort, 17), StudyPosition.Parse(position.Continuation()));
        Assert.True(position < StudyPosition.First);
    }

    [Fact]
    public void CompareTo_OfAnyTwo_IsTheOrderOfTheirTexts()
    {
        var random = new Random(3);
        string Sort() => string.Concat(Enumerable.Range(0, random.Next(15)).Select(_ => (char)('0' + random.Next(2) * 9)));
        for (var round = 0; round < 5_000; round++)
        {
            var (a, b) = ((Sort: Sort(), N: random.Next(1, 4)), (Sort: Sort(), N: random.Next(1, 4)));
            var expected = string.CompareOrdinal(a.Sort, b.Sort) is not 0 and var text ? text : a.N.CompareTo(b.N);
            var (left, right) = (StudyPosition.Of(Encoding.UTF8.GetBytes(a.Sort), a.N), StudyPosition.Of(Encoding.UTF8.GetBytes(b.Sort), b.N));
            Assert.Equal(Math.Sign(expected), Math.Sign(left.CompareTo(right)));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("20260131")]
    [InlineData("20260131.x")]
    [InlineData("20260131.-1")]
    public void Parse_OfSomethingElse_Throws(string text) => Assert.Throws<InvalidContinuationException>(() => StudyPosition.Parse(text));
}
